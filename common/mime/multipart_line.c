/* SPDX-License-Identifier: ISC */
/* Delimiters of multiparts (RFC 2046 section 5.1.1): pure. */
#include "common/mime/multipart_line.h"

#include <string.h>

size_t
multipart_left(const struct multipart *m)
{
	return (size_t)(m->end - m->in);
}

bool
multipart_is_watching(const struct multipart *m)
{
	for (unsigned i = 0; i <= m->top; i++) {
		if (m->parts[i].kind == MULTIPART_PARTS_INSIDE &&
		    !m->parts[i].closed) {
			return true;
		}
	}
	return false;
}

/* Whether the line (from its "--" on) is a delimiter; whose, and which. */
static bool
match(struct multipart *m, const char *line, size_t len)
{
	if (m->crlf && line[len - 1] == '\n') {
		len -= len > 1 && line[len - 2] == '\r' ? 2 : 0;
	}
	if (m->crlf && (line[len - 1] == '\r' || line[len - 1] == '\n')) {
		return false;
	}
	while (len > 0 && strchr(" \t\r\n", line[len - 1]) != NULL &&
	       line[len - 1] != '\0') {
		len--;
	}
	for (int i = (int)m->top; i >= 0 && len > 2; i--) {
		const struct multipart_part *p = &m->parts[i];
		size_t want = p->boundary_len;
		bool longer = len == want + 4;
		if (p->kind != MULTIPART_PARTS_INSIDE || p->closed ||
		    (!longer && len != want + 2) ||
		    memcmp(line + 2, p->boundary, want) != 0 ||
		    (longer && memcmp(line + 2 + want, "--", 2) != 0)) {
			continue;
		}
		if (!longer && m->count >= MULTIPART_PARTS) {
			m->limited = true;
			return false;
		}
		m->target = i;
		m->closing = longer;
		return true;
	}
	return false;
}

size_t
multipart_held_eol(const struct multipart *m)
{
	size_t cr = m->held_len > 0 && m->held[0] == '\r';

	return cr + (m->held_len > cr && m->held[cr] == '\n' &&
			cr >= (size_t)m->crlf);
}

void
multipart_hold(struct multipart *m, size_t n)
{
	memcpy(m->held + m->held_len, m->in, n);
	m->held_len += n;
	m->in += n;
}

/* A step of multipart_gather(): takes octets while they may be a delimiter. */
static bool
gather_more(struct multipart *m, size_t eol)
{
	size_t at = m->held_len - eol;
	bool lone_cr = eol == 1 && m->held[0] == '\r';

	if (lone_cr || at < 2) {
		if (*m->in != (lone_cr ? '\n' : '-')) {
			return false;
		}
		multipart_hold(m, 1);
		return true;
	}
	const char *lf = memchr(m->in, '\n', multipart_left(m));
	size_t n = lf == NULL ? multipart_left(m) : (size_t)(lf - m->in) + 1;
	size_t left = sizeof(m->held) - m->held_len;
	if (n > left) {
		return false;
	}
	multipart_hold(m, n);
	return true;
}

bool
multipart_gather(struct multipart *m)
{
	bool more = true;

	while (more) {
		size_t eol = multipart_held_eol(m);
		bool whole =
		    m->held_len > eol && m->held[m->held_len - 1] == '\n';
		if (whole || (m->in == m->end && m->over)) {
			m->matched = m->held_len > eol + 2 &&
			             match(m, m->held + eol, m->held_len - eol);
			m->plain = !m->matched;
			return true;
		}
		if (m->in == m->end) {
			return false;
		}
		more = gather_more(m, eol);
	}
	m->plain = true;
	return true;
}

size_t
multipart_tail(const struct multipart *m, const char *text, size_t len)
{
	size_t n = 0;

	n += len > n + 1 && text[len - 1] == '-' && text[len - 2] == '\n';
	n += len > n && text[len - n - 1] == '\n';
	bool cr = len > n && text[len - n - 1] == '\r';
	return m->crlf && n > 0 && !cr ? 0 : n + cr;
}
