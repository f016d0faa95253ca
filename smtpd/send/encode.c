/* SPDX-License-Identifier: ISC */
/* The body of a part. */
#include "smtpd/send/encode.h"

#include "common/log/log.h"
#include "common/mime/qp.h"
#include "common/text/base64.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

/* ---- progress ---- */

enum { FIRST = 1000, STEP = 200, MIB = 1024 * 1024 };

static int64_t
milliseconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void
progress_begin(struct progress *p, off_t total)
{
	*p = (struct progress){ .total = total };
	p->on = isatty(STDERR_FILENO) == 1;
	p->next = milliseconds() + FIRST;
}

static void
progress_add(struct progress *p, size_t octets)
{
	p->done += (off_t)octets;
	if (!p->on || milliseconds() < p->next) {
		return;
	}
	p->next = milliseconds() + STEP;
	p->shown = true;
	fprintf(stderr, "\rcomposing: %lld of %lld MiB ",
	    (long long)(p->done / MIB), (long long)(p->total / MIB));
	fflush(stderr);
}

void
progress_end(struct progress *p)
{
	if (p->shown) {
		fputs("\r\033[K", stderr);
		fflush(stderr);
	}
}

/* ---- a body ---- */

enum { BLOCK = 57 * 1024, CODED = 2 * BLOCK };

struct encoder {
	enum transfer transfer;
	bool text;
	char last; /* the octet before, of text */
	struct qp_encoder qp;
	struct base64_encoder base64;
	FILE *out;
	char block[BLOCK], lines[2 * BLOCK], coded[CODED];
};

static void
put_qp(struct encoder *e, const char *data, size_t len)
{
	while (len > 0) {
		size_t n;
		size_t took = qp_encode(&e->qp, data, len, e->coded, CODED, &n);
		fwrite(e->coded, 1, n, e->out);
		data += took;
		len -= took;
	}
}

static void
put_base64(struct encoder *e, const char *data, size_t len)
{
	while (len > 0) {
		size_t n;
		size_t took = base64_encode_lines(
		    &e->base64, data, len, e->coded, CODED, &n);
		fwrite(e->coded, 1, n, e->out);
		data += took;
		len -= took;
	}
}

/* Text in base64 has CRLF (RFC 2045 section 6.8). */
static void
put_lines(struct encoder *e, const char *data, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (data[i] == '\n' && e->last != '\r') {
			e->lines[n++] = '\r';
		}
		e->lines[n++] = data[i];
		e->last = data[i];
	}
	put_base64(e, e->lines, n);
}

static void
put_block(struct encoder *e, const char *data, size_t len)
{
	if (e->transfer == TRANSFER_QP) {
		put_qp(e, data, len);
	} else if (e->transfer != TRANSFER_BASE64) {
		fwrite(data, 1, len, e->out);
	} else if (e->text) {
		put_lines(e, data, len);
	} else {
		put_base64(e, data, len);
	}
}

static void
put_last(struct encoder *e)
{
	size_t n = 0;

	if (e->transfer == TRANSFER_QP) {
		n = qp_encode_end(&e->qp, e->coded);
	} else if (e->transfer == TRANSFER_BASE64) {
		n = base64_encode_end(&e->base64, e->coded);
	}
	fwrite(e->coded, 1, n, e->out);
}

int
encode_source(struct source *s, enum transfer transfer, bool text,
    struct progress *progress, FILE *out)
{
	struct encoder *e = calloc(1, sizeof(*e));
	ssize_t n;

	if (e == NULL) {
		log_error("no memory left");
		return EX_OSERR;
	}
	e->transfer = transfer;
	e->text = text;
	e->out = out;
	while ((n = source_read(s, e->block, BLOCK)) > 0 && !ferror(out)) {
		put_block(e, e->block, (size_t)n);
		progress_add(progress, (size_t)n);
	}
	put_last(e);
	free(e);
	if (ferror(out)) {
		log_error("cannot write the message to a temporary "
			  "file: %s",
		    strerror(errno));
		return EX_IOERR;
	}
	return n == -1 ? EX_IOERR : source_check(s);
}
