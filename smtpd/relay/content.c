/* SPDX-License-Identifier: ISC */
/*
 * The message itself: whether the server takes it as it is, what it gets
 * instead, DATA (RFC 5321) or BDAT (RFC 3030), and the replies to these.
 */
#include "smtpd/relay/transaction_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- before the envelope: what the server gets ---- */

/* Two blocks: as stored, and with line ends corrected or dots doubled. */
struct blocks {
	char stored[BODY_BLOCK];
	char wire[BODY_ROOM];
};

/* One reading of the message. */
struct reading {
	struct mail_object *object;
	uint64_t at;
	struct dotstuff_encoder line_ends;
	struct blocks *blocks;
};

static bool
reading_start(struct reading *r, struct mail_object *m)
{
	*r = (struct reading){
		.object = m,
		.line_ends = { .form = DOTSTUFF_BDAT },
		.blocks = malloc(sizeof(*r->blocks)),
	};
	return r->blocks != NULL;
}

static void
reading_end(struct reading *r)
{
	int saved = errno;

	free(r->blocks);
	errno = saved;
}

/* Reads the next block as it is stored; 0 at the end; -1 with errno. */
static ssize_t
read_block(struct reading *r)
{
	ssize_t n = body_read(&r->object->body, r->at, r->blocks->stored);

	r->at += n > 0 ? (uint64_t)n : 0;
	return n;
}

/* Feeds the next block to the conversion; returns as read_block(). */
static ssize_t
convert_block(struct reading *r)
{
	struct convert *convert = r->object->convert;
	ssize_t n = read_block(r);

	if (n > 0) {
		size_t len = dotstuff_encode(&r->line_ends, r->blocks->stored,
		    (size_t)n, r->blocks->wire);
		convert_feed(convert, r->blocks->wire, len);
	} else if (n == 0) {
		convert_feed(convert, r->blocks->wire,
		    dotstuff_encode_end(&r->line_ends, r->blocks->wire));
	}
	return n;
}

static bool
survey_message(struct mail_object *m)
{
	struct reading r;
	ssize_t n = -1;

	if (reading_start(&r, m)) {
		while ((n = read_block(&r)) > 0) {
			survey_feed(&m->survey, r.blocks->stored, (size_t)n);
		}
	}
	reading_end(&r);
	m->surveyed = n == 0;
	return m->surveyed;
}

/* The first pass of the conversion. */
static enum convert_result
run_plan(struct mail_object *m)
{
	struct reading r;
	ssize_t n = -1;

	m->convert = convert_open(&m->terms);
	if (m->convert == NULL || !reading_start(&r, m)) {
		return CONVERT_NO_MEMORY;
	}
	while ((n = convert_block(&r)) > 0) {
	}
	reading_end(&r);
	return n == -1 ? CONVERT_NO_MEMORY : convert_end(m->convert);
}

/* Counts the octets that the conversion makes; false with errno. */
static bool
measure_conversion(struct mail_object *m)
{
	struct reading r;
	ssize_t n = -1;

	convert_write(m->convert);
	m->said.size = 0;
	if (reading_start(&r, m)) {
		do {
			n = convert_block(&r);
			m->said.size += m->convert->out.len;
			output_clear(&m->convert->out);
		} while (n > 0);
	}
	reading_end(&r);
	bool good = n == 0 && convert_end(m->convert) == CONVERT_CHANGED;
	m->said.size += m->convert->out.len;
	return good;
}

static bool
defer_unreadable(struct client *c)
{
	client_set_verdict(c, OUTCOME_DEFERRED, "4.3.0",
	    "cannot read the queue file: %s", strerror(errno));
	return false;
}

/*
 * A report is never refused for what it returns: if that cannot be converted,
 * its header section has to do.
 */
static enum convert_result
plan_what_fits(struct mail_object *m)
{
	enum convert_result result = run_plan(m);

	if (result == CONVERT_IMPOSSIBLE && m->mail->sender[0] == '\0' &&
	    !m->terms.report) {
		convert_close(m->convert);
		m->convert = NULL;
		m->terms.report = true;
		result = run_plan(m);
	}
	return result;
}

static bool
plan_conversion(struct client *c, struct mail_object *m)
{
	switch (plan_what_fits(m)) {
	case CONVERT_SAME:
		convert_close(m->convert);
		m->convert = NULL;
		return true;
	case CONVERT_CHANGED:
		return measure_conversion(m) || defer_unreadable(c);
	case CONVERT_IMPOSSIBLE:
		client_set_verdict(c, OUTCOME_FAILED, m->convert->dsn,
		    "host %s does not accept the message as it is, and "
		    "it cannot be converted: %s",
		    c->peer.peer, m->convert->why);
		return false;
	case CONVERT_NO_MEMORY:
		break;
	}
	return defer_unreadable(c);
}

/* Feeds what the conversion makes. */
static ssize_t
feed_converted(struct reading *r, struct dkim_make *make)
{
	struct convert *convert = r->object->convert;
	ssize_t n;

	convert_write(convert);
	do {
		n = convert_block(r);
		dkim_make_feed(make, convert->out.data, convert->out.len);
		output_clear(&convert->out);
	} while (n > 0);
	if (n == 0 && convert_end(convert) != CONVERT_CHANGED) {
		errno = EIO;
		n = -1;
	}
	dkim_make_feed(make, convert->out.data, convert->out.len);
	output_clear(&convert->out);
	return n;
}

/* Feeds what is sent as it is stored, but for its line ends. */
static ssize_t
feed_stored(struct reading *r, struct dkim_make *make)
{
	char *wire = r->blocks->wire;
	ssize_t n;

	while ((n = read_block(r)) > 0) {
		size_t len = dotstuff_encode(
		    &r->line_ends, r->blocks->stored, (size_t)n, wire);
		dkim_make_feed(make, wire, len);
	}
	if (n == 0) {
		dkim_make_feed(
		    make, wire, dotstuff_encode_end(&r->line_ends, wire));
	}
	return n;
}

/* Feeds what this hop gets to the signature that is made; 0 or -1. */
static ssize_t
feed_signature(struct mail_object *m, struct dkim_make *make)
{
	struct reading r;

	if (!reading_start(&r, m)) {
		return -1;
	}
	ssize_t n = m->convert != NULL ? feed_converted(&r, make)
	                               : feed_stored(&r, make);
	reading_end(&r);
	return n;
}

/* Signs what was prepared: last, so that nothing changes any more. */
static bool
sign_prepared(struct client *c, struct mail_object *m)
{
	struct dkim_make *make = dkim_make_open();

	if (make == NULL) {
		client_set_verdict(c, OUTCOME_DEFERRED, "4.3.0",
		    "the message cannot be signed now: no memory");
		return false;
	}
	bool good = feed_signature(m, make) == 0 ? sign_message(c, m, make)
	                                         : defer_unreadable(c);
	dkim_make_close(make);
	m->said.size += good ? m->signatures.len : 0;
	return good;
}

static bool
is_prepared(const struct mail_object *m, const struct convert_terms *terms)
{
	return m->prepared && m->terms.eight_bit == terms->eight_bit &&
	       m->terms.utf8 == terms->utf8;
}

/* A report that is too large returns less. */
static bool
fit_size(struct client *c, struct mail_object *m)
{
	uint64_t limit = c->offer.size_limit;
	uint64_t signatures = sign_wanted(c, m) ? SIGN_ROOM : 0;

	if (limit == 0 || m->said.size + signatures <= limit ||
	    m->terms.report || m->mail->sender[0] != '\0') {
		return true;
	}
	convert_close(m->convert);
	m->convert = NULL;
	m->terms.report = true;
	return plan_conversion(c, m);
}

/* True if the address of a recipient needs SMTPUTF8: an alias may lead to one.
 */
static bool
has_utf8_rcpt(const struct mail_object *m)
{
	for (size_t i = 0; i < m->count; i++) {
		const struct recipient *r = m->rcpts[i].recipient;
		if (r != NULL && !envelope_is_ascii(r->text)) {
			return true;
		}
	}
	return false;
}

bool
content_prepare(struct client *c, struct mail_object *m)
{
	bool eight_bit = (c->offer.extensions & EXT_8BITMIME) != 0;
	bool utf8 = (c->offer.extensions & EXT_SMTPUTF8) != 0;
	/* Octets that should not be in a header pass with those of bodies,
	   as they came. */
	struct convert_terms terms = { .eight_bit = eight_bit,
		.utf8 = m->mail->utf8 ? utf8 : eight_bit };

	if (is_prepared(m, &terms)) {
		return true;
	}
	content_forget(m);
	m->terms = terms;
	if (!m->surveyed && !front_make(c, m)) {
		return false;
	}
	if (!m->surveyed && !survey_message(m)) {
		return defer_unreadable(c);
	}
	m->said = *m->mail;
	m->said.size = body_length(&m->body);
	if (m->own != NULL) {
		strlcpy(m->said.sender, m->own->value, sizeof(m->said.sender));
	}
	m->said.utf8 = (m->mail->utf8 || has_utf8_rcpt(m)) && utf8;
	m->said.eight_bit =
	    eight_bit && (m->mail->eight_bit || m->survey.eight_bit);
	bool unwanted = m->survey.eight_bit && !(terms.eight_bit && terms.utf8);
	/* RFC 6533: its parts are for servers with SMTPUTF8. */
	m->terms.report = m->mail->sender[0] == '\0' && m->mail->utf8 && !utf8;
	m->prepared = (!unwanted && !m->survey.long_line && !m->terms.report) ||
	              plan_conversion(c, m);
	m->prepared = m->prepared && fit_size(c, m) &&
	              (!sign_wanted(c, m) || sign_prepared(c, m));
	return m->prepared;
}

void
content_forget(struct mail_object *m)
{
	convert_close(m->convert);
	m->convert = NULL;
	output_free(&m->signatures);
	m->prepared = false;
}

/* Writes out what the conversion has made. */
static void
write_out(
    struct stream *stream, struct dotstuff_encoder *dots, struct reading *r)
{
	struct output *out = &r->object->convert->out;

	for (size_t i = 0; i < out->len;) {
		size_t n =
		    out->len - i < BODY_BLOCK ? out->len - i : BODY_BLOCK;
		size_t len =
		    dotstuff_encode(dots, out->data + i, n, r->blocks->wire);
		stream_write(stream, r->blocks->wire, len);
		i += n;
	}
	output_clear(out);
}

/* Writes what was planned to the stream, as body_send() does. */
static enum body_sent
send_converted(
    struct stream *stream, struct mail_object *m, enum dotstuff_form form)
{
	struct dotstuff_encoder dots = { .form = form };
	struct reading r;
	enum body_sent result = BODY_SENT;
	ssize_t n;

	if (!reading_start(&r, m)) {
		return BODY_UNREADABLE;
	}
	convert_write(m->convert);
	do {
		n = convert_block(&r);
		write_out(stream, &dots, &r);
		if (n == -1) {
			result = BODY_UNREADABLE;
		} else if (n > 0 && stream_flush(stream) == -1) {
			result = BODY_LOST;
		}
	} while (n > 0 && result == BODY_SENT);
	if (result == BODY_SENT) {
		bool good = convert_end(m->convert) == CONVERT_CHANGED;
		write_out(stream, &dots, &r);
		stream_write(stream, r.blocks->wire,
		    dotstuff_encode_end(&dots, r.blocks->wire));
		result = good ? BODY_SENT : BODY_UNREADABLE;
	}
	reading_end(&r);
	return result;
}

/* ---- DATA and BDAT ---- */

/* Refuses the message for all recipients that were accepted. */
static enum step
refuse_message(
    struct client *c, struct mail_object *m, enum judgement j, enum phase phase)
{
	bool policy = judge_is_policy(&c->response) &&
	              c->hop->transport == TRANSPORT_SMTP;

	object_refuse(c, m, refusal_outcome(j), phase);
	return policy ? STEP_POLICY : STEP_DONE;
}

/* Reads the reply to the message: for all recipients, or (LMTP) for one. */
static enum step
read_final_response(struct client *c, struct mail_object *m, struct rcpt *one)
{
	if (!client_read_response(c, PHASE_DOT)) {
		return step_no_response(c);
	}
	enum judgement j = step_judge(c, PHASE_DOT);
	if (c->response.code == 421 && one == NULL) {
		c->complete = false; /* a refusal as good as any */
	}
	/* RFC 3030 section 3: what a failed BDAT leaves, RSET ends. */
	c->dirty = c->dirty || j != JUDGE_GOOD;
	if (j == JUDGE_DEAD || j == JUDGE_NONSENSE) {
		return step_broken(c, j, PHASE_DOT);
	}
	if (j != JUDGE_GOOD && one == NULL) {
		return refuse_message(c, m, j, PHASE_DOT);
	}
	for (size_t i = 0; i < m->count; i++) {
		struct rcpt *p = &m->rcpts[i];
		if (p->state == RCPT_ACCEPTED && (one == NULL || p == one)) {
			rcpt_settle(c, p,
			    j == JUDGE_GOOD ? OUTCOME_SENT : refusal_outcome(j),
			    PHASE_DOT);
		}
	}
	/* At once, so that a kill causes as few second copies as possible. */
	object_report_sent(m);
	return STEP_DONE;
}

static enum step
read_final_responses(struct client *c, struct mail_object *m)
{
	enum step step = STEP_DONE;

	c->dirty = false;
	if (c->hop->transport == TRANSPORT_SMTP) {
		return read_final_response(c, m, NULL);
	}
	for (size_t i = 0; i < m->count && step == STEP_DONE; i++) {
		if (m->rcpts[i].state == RCPT_ACCEPTED) {
			step = read_final_response(c, m, &m->rcpts[i]);
		}
	}
	return step;
}

/*
 * The server has replied, or closed the connection, before the end of the
 * message.  A refusal counts; nothing else can mean that it has the message.
 */
static enum step
interrupted(struct client *c, struct mail_object *m)
{
	if (!client_read_response(c, PHASE_DOT)) {
		return step_no_response(c);
	}
	enum judgement j = step_judge(c, PHASE_DOT);
	if (j == JUDGE_LATER || j == JUDGE_NEVER) {
		object_refuse(c, m, refusal_outcome(j), PHASE_DOT);
	}
	return step_broken(c, JUDGE_NONSENSE, PHASE_DOT);
}

/* Sends the message, as it is or converted. */
static enum body_sent
send_content(struct client *c, struct mail_object *m, enum dotstuff_form form)
{
	/* No line of it begins with a dot. */
	stream_write(c->stream, m->signatures.data, m->signatures.len);
	return m->convert != NULL ? send_converted(c->stream, m, form)
	                          : body_send(c->stream, &m->body, form);
}

static enum step
unreadable(struct client *c)
{
	client_set_verdict(c, OUTCOME_DEFERRED, "4.3.0",
	    "cannot read the queue file: %s", strerror(errno));
	/* What was sent must not be taken for the whole message. */
	return STEP_LOST;
}

static enum step
send_data(struct client *c, struct mail_object *m, bool data_sent)
{
	if (!data_sent) {
		client_send_command(c, "DATA");
	}
	if (!client_read_response(c, PHASE_DATA)) {
		return step_no_response(c);
	}
	enum judgement j = step_judge(c, PHASE_DATA);
	if (j == JUDGE_LATER || j == JUDGE_NEVER || j == JUDGE_TOO_MANY) {
		return refuse_message(c, m, j, PHASE_DATA);
	}
	if (c->response.code != 354) {
		return step_broken(c, j, PHASE_DATA);
	}
	enum body_sent sent = send_content(c, m, DOTSTUFF_DATA);
	if (sent == BODY_UNREADABLE) {
		return unreadable(c);
	}
	if (sent == BODY_LOST || client_has_input(c)) {
		return interrupted(c, m);
	}
	client_send_command(c, ".");
	c->complete = true;
	return read_final_responses(c, m);
}

/* Sends the message as RFC 3030 has it, after its length. */
static enum step
send_chunk(struct client *c, struct mail_object *m)
{
	int64_t size = m->convert != NULL ? (int64_t)m->said.size
	                                  : body_size(&m->body, DOTSTUFF_BDAT);

	/* What was converted has been counted with the signatures. */
	size +=
	    m->convert == NULL && size != -1 ? (int64_t)m->signatures.len : 0;
	if (size == -1) {
		(void)unreadable(c);
		object_settle(m, &c->verdict);
		return STEP_DONE; /* nothing was sent */
	}
	if (client_has_input(c)) {
		return interrupted(c, m);
	}
	client_send_command(c, "BDAT %" PRId64 " LAST", size);
	enum body_sent sent = send_content(c, m, DOTSTUFF_BDAT);
	if (sent == BODY_UNREADABLE) {
		return unreadable(c);
	}
	if (sent == BODY_LOST) {
		return interrupted(c, m);
	}
	c->complete = true;
	return read_final_responses(c, m);
}

enum step
content_send(struct client *c, struct mail_object *m, bool data_sent)
{
	return (c->offer.extensions & EXT_CHUNKING) != 0
	           ? send_chunk(c, m)
	           : send_data(c, m, data_sent);
}
