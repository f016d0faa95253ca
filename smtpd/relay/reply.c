/* SPDX-License-Identifier: ISC */
/*
 * Reads replies, octet by octet as they come:
 *   *( code "-" [ text ] CRLF ) code [ SP text ] CRLF
 * and says what they mean.
 */
#include "smtpd/relay/reply.h"

#include <stdio.h>
#include <string.h>

void
reply_start(struct reply *r)
{
	r->state = REPLY_MORE;
	r->code = r->line_code = r->lines = 0;
	r->enhanced[0] = r->text[0] = '\0';
	r->wrong = NULL;
	r->len = r->seen = r->column = 0;
	r->last = r->cr = false;
}

static void
nonsense(struct reply *r, const char *wrong)
{
	r->state = REPLY_NONSENSE;
	r->wrong = wrong;
}

static void
keep(struct reply *r, char c)
{
	if (r->len < REPLY_TEXT && r->lines < REPLY_LINES) {
		r->text[r->len++] = c;
		r->text[r->len] = '\0';
	}
}

/* Length of an enhanced status code (RFC 3463 section 2) at p, or 0. */
static size_t
enhanced_code(const char *p)
{
	size_t n = 1;

	if (*p != '2' && *p != '4' && *p != '5') {
		return 0;
	}
	for (int part = 0; part < 2; part++) {
		size_t digits =
		    p[n] == '.' ? strspn(p + n + 1, "0123456789") : 0;
		if (digits < 1 || digits > 3) {
			return 0;
		}
		n += 1 + digits;
	}
	return p[n] == '\0' || p[n] == ' ' || p[n] == '\n' ? n : 0;
}

static void
end_reply(struct reply *r)
{
	size_t n = enhanced_code(r->text);

	r->state = REPLY_DONE;
	if (n > 0 && n < sizeof(r->enhanced) &&
	    (unsigned)(r->text[0] - '0') == r->code / 100) {
		memcpy(r->enhanced, r->text, n);
		r->enhanced[n] = '\0';
	}
}

static void
end_line(struct reply *r)
{
	if (r->column < 3) {
		nonsense(r, "a line without a code");
		return;
	}
	if (r->lines > 0 && r->line_code != r->code) {
		nonsense(r, "lines with different codes");
		return;
	}
	r->code = r->line_code;
	bool last = r->column == 3 || r->last;
	if (last) {
		end_reply(r);
		return;
	}
	keep(r, '\n');
	r->lines++;
	r->column = 0;
	r->line_code = 0;
}

/* An octet that is neither CR nor LF. */
static void
plain(struct reply *r, char c)
{
	bool printable = (unsigned char)c >= ' ' && c != 0x7f;

	if (c == '\0') {
		nonsense(r, "a NUL octet");
	} else if (r->column < 3) {
		if (c < '0' || c > '9') {
			nonsense(r, "a line without a code");
			return;
		}
		r->line_code = r->line_code * 10 + (unsigned)(c - '0');
	} else if (r->column == 3) {
		r->last = c == ' ';
		if (c != ' ' && c != '-') {
			nonsense(r, "a code of more than three digits");
		}
	} else {
		keep(r, printable ? c : '?');
	}
	r->column++;
}

size_t
reply_feed(struct reply *r, const char *data, size_t len)
{
	size_t i = 0;

	while (i < len && r->state == REPLY_MORE) {
		char c = data[i++];
		bool cr = r->cr;
		r->cr = c == '\r';
		if (++r->seen > REPLY_FLOOD) {
			nonsense(r, "a reply without an end");
		} else if (c == '\n') {
			end_line(r);
		} else {
			if (cr) {
				plain(r, '\r');
			}
			if (c != '\r' && r->state == REPLY_MORE) {
				plain(r, c);
			}
		}
	}
	return i;
}

const char *
reply_words(const struct reply *r, char *buf, size_t size)
{
	size_t same = strlen(r->enhanced);
	size_t n = (size_t)snprintf(buf, size, "%03u", r->code);
	const char *p = r->text, *before = " ";

	while (*p != '\0' && n < size) {
		size_t len = strcspn(p, "\n");
		/* Later lines often repeat the enhanced code. */
		if (p != r->text && same > 0 && len > same &&
		    strncmp(p, r->enhanced, same) == 0 && p[same] == ' ') {
			p += same + 1;
			len -= same + 1;
		}
		if (len > 0) {
			n += (size_t)snprintf(
			    buf + n, size - n, "%s%.*s", before, (int)len, p);
			before = " / ";
		}
		p += len;
		p += *p == '\n';
	}
	return buf;
}

const char *
reply_phase(enum phase phase)
{
	static const char *const names[] = { "greeting", "EHLO", "STARTTLS",
		"AUTH", "RSET", "MAIL FROM", "RCPT TO", "DATA", "end of DATA" };

	return names[phase];
}

static bool
enhanced_is(const struct reply *r, const char *detail)
{
	return r->enhanced[0] != '\0' && strcmp(r->enhanced + 2, detail) == 0;
}

bool
reply_is_policy(const struct reply *r)
{
	return r->code >= 400 && r->code != 421 &&
	       (enhanced_is(r, "7.1") || enhanced_is(r, "7.25") ||
		   enhanced_is(r, "7.26") || enhanced_is(r, "7.27"));
}

/* Whether a 5xx is about who we are, and not about the mail. */
static bool
about_us(const struct reply *r, enum phase phase)
{
	switch (r->code) {
	case 530: /* log in first; STARTTLS first */
	case 534:
	case 535:
	case 538:
		return true;
	default:
		break;
	}
	return enhanced_is(r, "7.8") || enhanced_is(r, "7.9") ||
	       enhanced_is(r, "7.11") || enhanced_is(r, "7.14") ||
	       (enhanced_is(r, "7.0") && phase == PHASE_MAIL);
}

/* Whether a smarthost says that it will not relay for us, as we are. */
static bool
not_for_us(const struct reply *r, enum phase phase)
{
	return enhanced_is(r, "7.1") &&
	       (phase == PHASE_MAIL ||
		   (phase == PHASE_RCPT &&
		       strcasestr(r->text, "relay") != NULL));
}

/*
 * RFC 5321 section 4.5.3.1.10: 452, and from old servers 552, say that there
 * are too many recipients; with another enhanced code a 552 is a full mailbox.
 */
static bool
too_many(const struct reply *r)
{
	return (r->code == 452 &&
		   (r->enhanced[0] == '\0' || enhanced_is(r, "5.3"))) ||
	       (r->code == 552 &&
		   (r->enhanced[0] == '\0' || enhanced_is(r, "5.3")));
}

/* What tells of a misunderstanding, where the mail is not even known. */
static bool
misunderstood(const struct reply *r)
{
	return r->code == 500 || r->code == 502 || r->code == 503 ||
	       r->code == 504 || r->code == 555;
}

enum judgement
reply_judge(const struct reply *r, enum phase phase, bool smarthost)
{
	unsigned good = phase == PHASE_DATA ? 3 : 2;

	if (r->code == 421) {
		return JUDGE_DEAD;
	}
	if (r->code < 200 || r->code >= 600) {
		return JUDGE_NONSENSE;
	}
	if (r->code / 100 <= 3) {
		return r->code / 100 == good ? JUDGE_GOOD : JUDGE_NONSENSE;
	}
	if (phase == PHASE_RCPT && too_many(r)) {
		return JUDGE_TOO_MANY;
	}
	if (r->code / 100 == 4) {
		return JUDGE_LATER;
	}
	if (about_us(r, phase)) {
		return JUDGE_DEAD;
	}
	if (smarthost && not_for_us(r, phase)) {
		return JUDGE_LATER;
	}
	return phase != PHASE_DOT && misunderstood(r) ? JUDGE_LATER
	                                              : JUDGE_NEVER;
}
