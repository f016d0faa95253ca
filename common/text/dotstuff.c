/* SPDX-License-Identifier: ISC */
/* DATA and BDAT, decoded and encoded: automatons, with the runs inside lines by
 * memchr. */
#include "common/text/dotstuff.h"

#include <string.h>

/* Octets before the first CR or LF. */
static size_t
line_run(const char *p, size_t len)
{
	const char *lf = memchr(p, '\n', len);
	size_t n = lf == NULL ? len : (size_t)(lf - p);
	const char *cr = memchr(p, '\r', n);

	return cr == NULL ? n : (size_t)(cr - p);
}

/* Octets before the first CR, LF or NUL. */
static size_t
plain_run(const char *p, size_t len)
{
	size_t n = line_run(p, len);
	const char *nul = memchr(p, '\0', n);

	return nul == NULL ? n : (size_t)(nul - p);
}

/* One octet in the middle of a line that is not plain. */
static void
special(struct dotstuff *d, char c, char *out, size_t *n)
{
	if (c == '\r') {
		d->state = DOTSTUFF_CR;
		d->crs = 1;
	} else if (c == '\n') {
		d->bare = d->bare || !d->lf;
		d->state = d->lf ? DOTSTUFF_START : DOTSTUFF_LINE;
		out[(*n)++] = '\n';
	} else {
		d->nul = true;
	}
}

/*
 * The octet after CRs; true: it is taken.  Those in front of a CR LF belong to
 * it: some library wrote CR LF through a stream that does so once more.
 */
static bool
after_crs(struct dotstuff *d, char c, char *out, size_t *n)
{
	if (c == '\r') {
		d->crs++;
		return true;
	}
	out[(*n)++] = '\n';
	if (c == '\n') {
		d->bare = d->bare || d->crs > 1;
		d->state = DOTSTUFF_START;
		return true;
	}
	d->bare = true;
	d->state = --d->crs == 0 ? DOTSTUFF_LINE : DOTSTUFF_CR;
	return false;
}

size_t
dotstuff_decode(struct dotstuff *d, const char *in, size_t len, char *out,
    size_t size, size_t *outlen)
{
	size_t i = 0, n = 0;

	while (i < len && n < size && d->state != DOTSTUFF_END) {
		switch (d->state) {
		case DOTSTUFF_START:
			d->state = in[i] == '.' && !d->chunks ? DOTSTUFF_DOT
			                                      : DOTSTUFF_LINE;
			i += d->state == DOTSTUFF_DOT;
			break;
		case DOTSTUFF_DOT:
			d->state = in[i] == '\r'            ? DOTSTUFF_DOT_CR
			           : in[i] == '\n' && d->lf ? DOTSTUFF_END
			                                    : DOTSTUFF_LINE;
			i += d->state != DOTSTUFF_LINE;
			break;
		case DOTSTUFF_DOT_CR:
			d->state = in[i] == '\n' ? DOTSTUFF_END : DOTSTUFF_CR;
			i += in[i] == '\n';
			d->crs = 1;
			break;
		case DOTSTUFF_CR:
			i += after_crs(d, in[i], out, &n);
			break;
		case DOTSTUFF_LINE: {
			size_t room = size - n;
			size_t run =
			    plain_run(in + i, len - i < room ? len - i : room);
			memcpy(out + n, in + i, run);
			i += run;
			n += run;
			if (i < len && n < size &&
			    (in[i] == '\r' || in[i] == '\n' || in[i] == '\0')) {
				special(d, in[i++], out, &n);
			}
			break;
		}
		case DOTSTUFF_END:
			break;
		}
	}
	*outlen = n;
	return i;
}

static size_t
encode_line_end(struct dotstuff_encoder *e, char *out)
{
	e->state = ENCODE_START;
	out[0] = '\r';
	out[1] = '\n';
	return 2;
}

size_t
dotstuff_encode(
    struct dotstuff_encoder *e, const char *in, size_t len, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < len;) {
		if (e->state == ENCODE_CR) {
			/* With its LF, or without. */
			i += in[i] == '\n';
			n += encode_line_end(e, out + n);
			continue;
		}
		if (e->state == ENCODE_START && e->form == DOTSTUFF_DATA &&
		    in[i] == '.') {
			out[n++] = '.';
		}
		size_t run = line_run(in + i, len - i);
		memcpy(out + n, in + i, run);
		n += run;
		i += run;
		e->state = run > 0 ? ENCODE_LINE : e->state;
		if (i == len) {
			break;
		}
		if (in[i++] == '\r') {
			e->state = ENCODE_CR;
		} else {
			n += encode_line_end(e, out + n);
		}
	}
	return n;
}

size_t
dotstuff_encode_end(struct dotstuff_encoder *e, char out[2])
{
	bool open = e->state == ENCODE_CR ||
	            (e->form == DOTSTUFF_DATA && e->state == ENCODE_LINE);

	return open ? encode_line_end(e, out) : 0;
}
