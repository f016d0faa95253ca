/* SPDX-License-Identifier: ISC */
/* Whether the server takes the message as it is, and what else it gets. */
#include "smtpd/relay/transaction.h"

#include "smtpd/relay/body.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Two blocks: as stored, and with its line ends right or its dots doubled. */
struct blocks {
	char stored[BODY_BLOCK];
	char wire[BODY_ROOM];
};

/* One reading of the message. */
struct reading {
	struct letter *letter;
	off_t from;
	uint64_t left;
	struct dotstuff_encoder line_ends;
	struct blocks *blocks;
};

static bool
reading_start(struct reading *r, struct letter *l)
{
	*r = (struct reading){
		.letter = l,
		.from = l->body,
		.left = l->mail->size,
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

/* The next octets as they are stored; 0: that was all; -1: errno. */
static ssize_t
read_block(struct reading *r)
{
	if (r->left == 0) {
		return 0;
	}
	ssize_t n =
	    body_read(r->letter->fd, r->blocks->stored, r->from, r->left);
	if (n > 0) {
		r->from += n;
		r->left -= (uint64_t)n;
	}
	return n;
}

/* Gives the next block to the conversion; answers as read_block(). */
static ssize_t
convert_block(struct reading *r)
{
	struct convert *convert = r->letter->convert;
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
survey(struct letter *l)
{
	struct reading r;
	ssize_t n = -1;

	if (reading_start(&r, l)) {
		while ((n = read_block(&r)) > 0) {
			survey_feed(&l->survey, r.blocks->stored, (size_t)n);
		}
	}
	reading_end(&r);
	l->surveyed = n == 0;
	return l->surveyed;
}

/* What is planned. */
static enum convert_result
plan(struct letter *l)
{
	struct reading r;
	ssize_t n = -1;

	l->convert = convert_open(&l->terms);
	if (l->convert == NULL || !reading_start(&r, l)) {
		return CONVERT_NO_MEMORY;
	}
	while ((n = convert_block(&r)) > 0) {
	}
	reading_end(&r);
	return n == -1 ? CONVERT_NO_MEMORY : convert_end(l->convert);
}

/* How many octets the conversion makes; false: errno. */
static bool
measure(struct letter *l)
{
	struct reading r;
	ssize_t n = -1;

	convert_write(l->convert);
	l->said.size = 0;
	if (reading_start(&r, l)) {
		do {
			n = convert_block(&r);
			l->said.size += l->convert->out.len;
			output_clear(&l->convert->out);
		} while (n > 0);
	}
	reading_end(&r);
	bool good = n == 0 && convert_end(l->convert) == CONVERT_CHANGED;
	l->said.size += l->convert->out.len;
	return good;
}

static bool
temporary(struct client *c)
{
	client_verdict(c, OUTCOME_DEFERRED, "4.3.0",
	    "cannot read the queue file: %s", strerror(errno));
	return false;
}

static bool
convert(struct client *c, struct letter *l)
{
	switch (plan(l)) {
	case CONVERT_SAME:
		convert_close(l->convert);
		l->convert = NULL;
		return true;
	case CONVERT_CHANGED:
		return measure(l) || temporary(c);
	case CONVERT_IMPOSSIBLE:
		client_verdict(c, OUTCOME_FAILED, l->convert->dsn,
		    "host %s does not take the message as it is, and it "
		    "cannot be converted: %s",
		    c->peer.peer, l->convert->why);
		return false;
	case CONVERT_NO_MEMORY:
		break;
	}
	return temporary(c);
}

static bool
is_prepared(const struct letter *l, const struct convert_terms *terms)
{
	return l->prepared && l->terms.eight_bit == terms->eight_bit &&
	       l->terms.utf8 == terms->utf8;
}

bool
content_prepare(struct client *c, struct letter *l)
{
	bool eight_bit = (c->offer.extensions & EXT_8BITMIME) != 0;
	bool utf8 = (c->offer.extensions & EXT_SMTPUTF8) != 0;
	/* Octets that should not be in a header pass with those of bodies,
	   as they came. */
	struct convert_terms terms = { .eight_bit = eight_bit,
		.utf8 = l->mail->utf8 ? utf8 : eight_bit };

	if (is_prepared(l, &terms)) {
		return true;
	}
	content_forget(l);
	l->terms = terms;
	if (!l->surveyed && !survey(l)) {
		return temporary(c);
	}
	l->said = *l->mail;
	l->said.utf8 = l->mail->utf8 && utf8;
	l->said.eight_bit =
	    eight_bit && (l->mail->eight_bit || l->survey.eight_bit);
	bool strange = l->survey.eight_bit && !(terms.eight_bit && terms.utf8);
	l->prepared = (!strange && !l->survey.long_line) || convert(c, l);
	return l->prepared;
}

void
content_forget(struct letter *l)
{
	convert_close(l->convert);
	l->convert = NULL;
	l->prepared = false;
}

/* What the conversion has made; BODY_LOST: the connection does not take it. */
static void
write_out(
    struct stream *stream, struct dotstuff_encoder *dots, struct reading *r)
{
	struct output *out = &r->letter->convert->out;

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

enum body_sent
content_convert(
    struct stream *stream, struct letter *l, enum dotstuff_form form)
{
	struct dotstuff_encoder dots = { .form = form };
	struct reading r;
	enum body_sent result = BODY_SENT;
	ssize_t n;

	if (!reading_start(&r, l)) {
		return BODY_UNREADABLE;
	}
	convert_write(l->convert);
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
		bool good = convert_end(l->convert) == CONVERT_CHANGED;
		write_out(stream, &dots, &r);
		stream_write(stream, r.blocks->wire,
		    dotstuff_encode_end(&dots, r.blocks->wire));
		result = good ? BODY_SENT : BODY_UNREADABLE;
	}
	reading_end(&r);
	return result;
}
