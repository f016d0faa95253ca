/* SPDX-License-Identifier: ISC */
/*
 * Verifies a message.  Runs as root (if the server does) until it is confined;
 * what the message says is looked at only then.  The body is read once.  The
 * results are put into the header section, and what follows that in the body
 * file is moved.
 */
#include "smtpd/auth/verify.h"

#include "common/io/deadline.h"
#include "common/io/file.h"
#include "common/io/notes_file.h"
#include "common/log/log.h"
#include "common/log/stats.h"
#include "common/process/privilege.h"
#include "common/process/sandbox.h"
#include "common/tls/tls.h"
#include "smtpd/auth/verify_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	PATIENCE = 15000,          /* ms for all questions, */
	SHARE = PATIENCE / 3,      /* and for those of one kind */
	SECTION = 4 * 1024 * 1024, /* octets of a header section */
	PIECE = 64 * 1024,
};

static const char mark[] =
    "X-Spam-Flag: YES\nX-Spam-Status: Yes, reason=dmarc-quarantine\n";

_Static_assert(sizeof(struct verify_answer) <= CHANNEL_DATA, "it fits");

static bool
is_text(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

bool
verify_valid(const void *payload, size_t size)
{
	const struct verify_question *q = payload;

	return size == sizeof(*q) && q->spared <= VERIFY_SPARED_ACCESS &&
	       q->exempt <= 1 && is_text(q->id, sizeof(q->id)) &&
	       is_text(q->helo, sizeof(q->helo)) &&
	       is_text(q->sender, sizeof(q->sender));
}

/* ---- the file ---- */

/* Reads the header section, and finds where the body begins. */
static int
read_header(struct verification *v)
{
	size_t room = v->size < SECTION ? v->size : SECTION;
	struct field f;

	v->header = malloc(room + 1);
	if (v->header == NULL || v->question.head > room ||
	    file_read(v->fd, v->header, room, 0) == -1) {
		return -1;
	}
	const char *at = v->header, *end = v->header + room;
	while (header_next(&at, end, &f)) {
	}
	v->header_len = (size_t)(at - v->header);
	v->too_long = at == end && room < v->size;
	return v->question.head <= v->header_len ? 0 : -1;
}

/* Feeds the body to those that need it. */
static int
read_body(struct verification *v)
{
	static char piece[PIECE];
	size_t at = v->header_len;

	bool dkim = !dkim_idle(v->dkim);
	bool arc = !arc_idle(v->arc);

	while ((dkim || arc) && at < v->size) {
		ssize_t n =
		    file_read_some(v->fd, piece, sizeof(piece), (off_t)at);
		if (n <= 0) {
			return -1;
		}
		if (dkim) {
			dkim_body(v->dkim, piece, (size_t)n);
		}
		if (arc) {
			arc_body(v->arc, piece, (size_t)n);
		}
		at += (size_t)n;
	}
	dkim_body_end(v->dkim);
	arc_body_end(v->arc);
	return 0;
}

/* Moves the body to where the header section will end. */
static int
move_body(struct verification *v, size_t to)
{
	size_t len = v->size - v->header_len;

	if (file_move(v->fd, (off_t)v->header_len, (off_t)to, len) == -1) {
		return -1;
	}
	return to < v->header_len ? ftruncate(v->fd, (off_t)(to + len)) : 0;
}

/* True for what must not come in; an exempt peer may mark mail itself, and say
   what it has found. */
static bool
is_forged(const struct verification *v, const struct field *f)
{
	const char *id = v->config->auth_id;

	if (v->question.exempt != 0) {
		return results_is_ours(f, id);
	}
	return results_is_forged(f, id) ||
	       (v->config->received_spf && header_is(f, "Received-SPF"));
}

/* Adds the fields of a section that are not forged. */
static void
copy_fields(struct verification *v, struct writer *w)
{
	const char *at = v->header + v->question.head;
	const char *end = v->header + v->header_len, *last = at;
	struct field f;

	while (header_next(&at, end, &f)) {
		if (is_forged(v, &f)) {
			v->forged++;
		} else {
			writer_add(w, f.text, f.len);
		}
		last = f.text + f.len;
	}
	/* Some readers look for fields up to the empty line, whatever comes
	   before it: the section that was judged must be theirs, too. */
	if (last < end) {
		writer_add(w, last, (size_t)(end - last));
	} else if (v->header_len < v->size) {
		writer_octet(w, '\n');
	}
}

/* Puts the results below our own fields; forged ones of others go. */
static int
write_header(struct verification *v)
{
	size_t results = v->results.w.len, received = v->received.w.len;
	/* And an empty line and a NUL. */
	size_t size = v->header_len + results + received + sizeof(mark) + 2;
	struct writer w = { .out = malloc(size), .size = size };

	if (w.out == NULL) {
		return -1;
	}
	/* RFC 7208 section 9.1 wants that one above our Received. */
	writer_add(&w, v->received.text, received);
	writer_add(&w, v->header, v->question.head);
	writer_add(&w, v->results.text, results);
	if (v->marked) {
		writer_text(&w, mark);
	}
	copy_fields(v, &w);
	ssize_t len = writer_finish(&w);
	int result = len == -1 ? -1
	             : move_body(v, (size_t)len) == -1
	                 ? -1
	                 : file_write(v->fd, w.out, (size_t)len, 0);
	free(w.out);
	if (v->forged > 0) {
		stats_add(STATS_FORGED_RESULTS, v->forged);
	}
	return result;
}

/* ---- the worker ---- */

/* True if there are octets beyond ASCII before an empty line, or the end. */
static bool
is_international(const char *text, bool *section)
{
	const char *end = strstr(text, "\n\n");

	*section = end == NULL;
	for (; *text != '\0' && text != end; text++) {
		if ((unsigned char)*text >= 0x80) {
			return true;
		}
	}
	return false;
}

/*
 * True if the library may be needed, for a signature or a domain outside ASCII:
 * what the first octets hold is looked at, and nothing is taken from there.
 */
static bool
wants_library(int fd)
{
	static const char word[] = "dkim-signature", chain[] = "arc-seal";
	static char text[PIECE];
	bool section = true;
	off_t at = 0;
	ssize_t n;

	while (at < SECTION &&
	       (n = file_read_some(fd, text, sizeof(text) - 1, at)) > 0) {
		text[n] = '\0';
		for (char *p = text;
		     (p = memchr(p, '\0', (size_t)(text + n - p))) != NULL;) {
			*p = ' ';
		}
		if ((section && is_international(text, &section)) ||
		    strcasestr(text, word) != NULL ||
		    strcasestr(text, chain) != NULL) {
			return true;
		}
		if ((size_t)n < sizeof(text) - 1) {
			return false;
		}
		at += n - (ssize_t)sizeof(word);
	}
	return false;
}

/* Runs everything; 0, or -1: the file cannot be read or written. */
static int
verify(struct verification *v)
{
	if (read_header(v) == -1) {
		return -1;
	}
	if (v->too_long) {
		v->outcome = VERIFY_HEADER;
		return 0;
	}
	const char *text = v->header + v->question.head;
	size_t len = v->header_len - v->question.head;
	author_read(text, len, &v->author);
	v->dkim = dkim_open(text, len,
	    v->author.count > 0 ? v->author.domain[0] : "", time(NULL));
	v->arc = arc_open(text, len, time(NULL));
	/* What cannot be looked at now is not missing. */
	if (v->dkim == NULL || v->arc == NULL || read_body(v) == -1) {
		return -1;
	}
	/* Who writes a message chooses what keys and sender are asked about:
	   name servers that say nothing must leave time for the policy. */
	v->deadline = v->started + SHARE;
	verify_keys(v);
	verify_chain(v);
	if (v->question.exempt == 0) {
		v->deadline += SHARE;
		verify_spf(v);
		v->deadline = v->started + PATIENCE;
		verify_policy(v);
		verify_reverse(v);
	}
	verify_write(v);
	verify_note(v);
	return v->outcome == VERIFY_ACCEPT ? write_header(v) : 0;
}

/* Opens what a process in an empty root directory cannot. */
static struct verification *
begin(const struct task *task)
{
	struct verification *v = calloc(1, sizeof(*v));
	off_t size = lseek(task->fd, 0, SEEK_END);

	if (v == NULL || size == -1) {
		free(v);
		return NULL;
	}
	v->config = task->config;
	v->peer = task->peer;
	memcpy(&v->question, task->payload, sizeof(v->question));
	v->fd = task->fd;
	v->size = (size_t)size;
	v->started = deadline_now();
	v->notes = notes_file_open(task->config, NOTES_DMARC);
	v->dns = dns_open_worker(task->config);
	if (v->dns == NULL) {
		log_error(
		    "no name server to verify mail with: %s", strerror(errno));
	}
	if (wants_library(task->fd)) {
		tls_preload(); /* before the sandbox */
	}
	return v;
}

enum status
verify_run(const struct task *task)
{
	struct verify_answer answer = { .outcome = VERIFY_ACCEPT };
	struct verification *v = begin(task);

	if (v == NULL) {
		log_error("cannot verify a message: %s", strerror(errno));
		return STATUS_TEMPORARY;
	}
	if (dns_needs_sockets(v->dns)) {
		privilege_become_client(task->config, SANDBOX_MEMORY);
	} else {
		privilege_become_talker(task->config);
	}
	if (verify(v) == -1) {
		log_error("%s: cannot verify the message: %s", v->question.id,
		    strerror(errno));
		return STATUS_TEMPORARY;
	}
	answer.outcome = v->outcome;
	answer.marked = v->marked;
	answer.head = v->question.head + v->received.w.len;
	memcpy(answer.domain,
	    v->outcome == VERIFY_SENDER ? v->sender.domain : v->policy_domain,
	    sizeof(v->policy_domain));
	memcpy(task->reply->data, &answer, sizeof(answer));
	task->reply->size = sizeof(answer);
	return STATUS_OK;
}
