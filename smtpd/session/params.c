/* SPDX-License-Identifier: ISC */
/* esmtp-param = keyword [ "=" value ], separated by blanks. */
#include "smtpd/session/params.h"

#include "common/text/date.h"
#include "common/text/utf8.h"
#include "common/text/xtext.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
	HOLD_DIGITS = 9, /* RFC 4865 section 3 */
	BY_DIGITS = 9,   /* RFC 2852 section 4 */
};

struct param {
	const char *keyword, *value; /* value: NULL when there is no "=" */
	size_t keyword_len, value_len;
};

/* What parameters of MAIL are read into. */
struct reading {
	const struct params_rules *rules;
	struct mail *mail;
	bool *binary;
	unsigned seen; /* bits of enum once */
};

/* Parameters that may come once, or one of several once. */
enum once {
	ONCE_HOLD = 1, /* RFC 4865 section 4: not both */
	ONCE_BY = 2,
	ONCE_PRIORITY = 4,
	ONCE_RET = 8,
	ONCE_ENVID = 16,
};

/* Cuts off the next one; false: there is none. */
static bool
next_param(const char **text, struct param *p)
{
	*text += strspn(*text, " \t");
	if (**text == '\0') {
		return false;
	}
	size_t len = strcspn(*text, " \t");
	p->keyword = *text;
	p->keyword_len = strcspn(*text, "= \t");
	p->value = p->keyword_len < len ? *text + p->keyword_len + 1 : NULL;
	p->value_len = p->value == NULL ? 0 : len - p->keyword_len - 1;
	*text += len;
	return true;
}

static bool
word_is(const char *text, size_t len, const char *word)
{
	return strlen(word) == len && strncasecmp(text, word, len) == 0;
}

/* 1*20DIGIT, and no sign or blank as strtoull(3) would take. */
static bool
digits(const char *text, size_t len, uint64_t *n)
{
	if (len == 0 || len > 20) {
		return false;
	}
	*n = 0;
	for (size_t i = 0; i < len; i++) {
		unsigned digit = (unsigned)(text[i] - '0');
		if (digit > 9) {
			return false;
		}
		*n = *n > (UINT64_MAX - digit) / 10 ? UINT64_MAX
		                                    : *n * 10 + digit;
	}
	return true;
}

static enum params
is_ok(bool ok)
{
	return ok ? PARAMS_OK : PARAMS_SYNTAX;
}

static bool
value_is(const struct param *p, const char *word)
{
	return p->value != NULL && word_is(p->value, p->value_len, word);
}

/* Keeps a value that is xtext after the prefix octets, and not too long. */
static bool
keep(const struct param *p, size_t prefix, char *out, size_t size)
{
	char decoded[MAIL_ORCPT + 1];

	if (p->value == NULL || p->value_len <= prefix ||
	    p->value_len >= size || out[0] != '\0' ||
	    xtext_decode(p->value + prefix, p->value_len - prefix, decoded,
		sizeof(decoded)) == -1) {
		return false;
	}
	memcpy(out, p->value, p->value_len);
	out[p->value_len] = '\0';
	return true;
}

/* ---- the parameters of MAIL, in the order of their table ---- */

static enum params
read_size(const struct param *p, struct reading *r)
{
	return is_ok(
	    p->value != NULL && digits(p->value, p->value_len, &r->mail->size));
}

static enum params
read_body(const struct param *p, struct reading *r)
{
	*r->binary = value_is(p, "BINARYMIME");
	r->mail->eight_bit = *r->binary || value_is(p, "8BITMIME");
	return is_ok(r->mail->eight_bit || value_is(p, "7BIT"));
}

static enum params
read_utf8(const struct param *p, struct reading *r)
{
	r->mail->utf8 = true;
	return is_ok(p->value == NULL);
}

static enum params
read_requiretls(const struct param *p, struct reading *r)
{
	if (!r->rules->tls) {
		return PARAMS_UNKNOWN;
	}
	r->mail->need_tls = true;
	return is_ok(p->value == NULL);
}

/* A time that is over holds nothing. */
static enum params
hold(struct reading *r, time_t until)
{
	if (until > r->rules->now + MAIL_HOLD) {
		return PARAMS_HOLD;
	}
	r->mail->hold = until > r->rules->now ? until : 0;
	return PARAMS_OK;
}

static enum params
read_holdfor(const struct param *p, struct reading *r)
{
	uint64_t seconds;

	if (!r->rules->hold) {
		return PARAMS_UNKNOWN;
	}
	if (p->value_len > HOLD_DIGITS ||
	    !digits(p->value, p->value_len, &seconds) || seconds == 0) {
		return PARAMS_SYNTAX;
	}
	return hold(r, r->rules->now + (time_t)seconds);
}

static enum params
read_holduntil(const struct param *p, struct reading *r)
{
	time_t until;

	if (!r->rules->hold) {
		return PARAMS_UNKNOWN;
	}
	if (p->value == NULL || !date_read(p->value, p->value_len, &until) ||
	    until <= 0) {
		return PARAMS_SYNTAX;
	}
	return hold(r, until);
}

/* ["-" / "+"] 1*9DIGIT ";" ("N" / "R") ["T"] (RFC 2852 section 4) */
static enum params
read_by(const struct param *p, struct reading *r)
{
	struct deliver_by *by = &r->mail->by;
	const char *at = p->value;
	const char *semicolon =
	    at == NULL ? NULL : memchr(at, ';', p->value_len);
	uint64_t seconds;

	if (semicolon == NULL) {
		return PARAMS_SYNTAX;
	}
	bool sign = *at == '-' || *at == '+';
	bool negative = *at == '-';
	at += sign;
	if (semicolon - at > BY_DIGITS ||
	    !digits(at, (size_t)(semicolon - at), &seconds)) {
		return PARAMS_SYNTAX;
	}
	const char *word = semicolon + 1;
	size_t len = (size_t)(p->value + p->value_len - word);
	by->trace = word_is(word, len, "NT") || word_is(word, len, "RT");
	len -= by->trace;
	by->mode = word_is(word, len, "N") ? BY_NOTIFY : BY_RETURN;
	by->time =
	    r->rules->now + (negative ? -(time_t)seconds : (time_t)seconds);
	if (by->mode == BY_RETURN && !word_is(word, len, "R")) {
		return PARAMS_SYNTAX;
	}
	return by->mode == BY_RETURN &&
	               by->time < r->rules->now + PARAMS_BY_LEAST
	           ? PARAMS_BY
	           : PARAMS_OK;
}

/* (["-"] NZDIGIT) / "0" (RFC 6710 section 4.2) */
static enum params
read_priority(const struct param *p, struct reading *r)
{
	bool negative = p->value_len == 2 && *p->value == '-';

	if (p->value_len != 1u + negative) {
		return PARAMS_SYNTAX;
	}
	const char *digit = p->value + negative;
	if (*digit < (negative ? '1' : '0') || *digit > '9') {
		return PARAMS_SYNTAX;
	}
	r->mail->priority = negative ? '0' - *digit : *digit - '0';
	return PARAMS_OK;
}

/* Who submitted it elsewhere: we trust no client to say so. */
static enum params
read_auth(const struct param *p, struct reading *r)
{
	(void)r;
	return is_ok(p->value_len > 0);
}

static enum params
read_ret(const struct param *p, struct reading *r)
{
	r->mail->ret = value_is(p, "FULL") ? RET_FULL : RET_HDRS;
	return is_ok(r->mail->ret == RET_FULL || value_is(p, "HDRS"));
}

static enum params
read_envid(const struct param *p, struct reading *r)
{
	return is_ok(keep(p, 0, r->mail->envid, sizeof(r->mail->envid)));
}

static const struct mail_param {
	const char *keyword;
	enum params (*read)(const struct param *, struct reading *);
	unsigned once;    /* bits of enum once, or 0 */
	const char *ehlo; /* see params_keyword(); NULL: EHLO has its own */
} mail_params[] = {
	{ "SIZE", read_size, 0, NULL },
	{ "BODY", read_body, 0, NULL },
	{ "SMTPUTF8", read_utf8, 0, NULL },
	{ "REQUIRETLS", read_requiretls, 0, NULL },
	{ "HOLDFOR", read_holdfor, ONCE_HOLD, NULL },
	{ "HOLDUNTIL", read_holduntil, ONCE_HOLD, NULL },
	{ "BY", read_by, ONCE_BY, "DELIVERBY 60" },
	{ "MT-PRIORITY", read_priority, ONCE_PRIORITY, "MT-PRIORITY" },
	{ "AUTH", read_auth, 0, NULL },
	{ "RET", read_ret, ONCE_RET, NULL },
	{ "ENVID", read_envid, ONCE_ENVID, NULL },
};
_Static_assert(PARAMS_BY_LEAST == 60, "see DELIVERBY");

enum { MAIL_PARAMS = sizeof(mail_params) / sizeof(mail_params[0]) };

const char *
params_keyword(size_t *next)
{
	while (*next < MAIL_PARAMS) {
		const char *ehlo = mail_params[(*next)++].ehlo;
		if (ehlo != NULL) {
			return ehlo;
		}
	}
	return NULL;
}

static const struct mail_param *
find_param(const struct param *p)
{
	for (size_t i = 0; i < MAIL_PARAMS; i++) {
		if (word_is(
			p->keyword, p->keyword_len, mail_params[i].keyword)) {
			return &mail_params[i];
		}
	}
	return NULL;
}

enum params
params_mail(const char *text, const struct params_rules *rules,
    struct mail *mail, bool *binary)
{
	struct reading r = { .rules = rules, .mail = mail, .binary = binary };
	enum params result = PARAMS_OK;
	struct param p;

	*binary = false;
	while (result == PARAMS_OK && next_param(&text, &p)) {
		const struct mail_param *known = find_param(&p);
		if (known == NULL) {
			return PARAMS_UNKNOWN;
		}
		if ((r.seen & known->once) != 0) {
			return PARAMS_SYNTAX;
		}
		r.seen |= known->once;
		result = known->read(&p, &r);
	}
	return result;
}

/* ---- those of RCPT ---- */

/* NEVER, or a list of the others. */
static bool
notify(const struct param *p, unsigned *bits)
{
	static const struct {
		const char *word;
		enum notify bit;
	} words[] = { { "NEVER", NOTIFY_NEVER }, { "SUCCESS", NOTIFY_SUCCESS },
		{ "FAILURE", NOTIFY_FAILURE }, { "DELAY", NOTIFY_DELAY } };

	if (p->value_len == 0 || *bits != 0) {
		return false;
	}
	const char *text = p->value, *end = text + p->value_len;
	while (text <= end) {
		const char *comma = memchr(text, ',', (size_t)(end - text));
		size_t len = (size_t)((comma == NULL ? end : comma) - text);
		size_t i = 0;
		while (i < 4 && !word_is(text, len, words[i].word)) {
			i++;
		}
		if (i == 4) {
			return false;
		}
		*bits |= words[i].bit;
		text += len + 1;
	}
	return (*bits & NOTIFY_NEVER) == 0 || *bits == NOTIFY_NEVER;
}

/*
 * Addresses outside ASCII come as they are, or with "\x{F6}" in them.  Only
 * the latter goes everywhere (RFC 6533 section 3).
 */
static bool
embed(struct param *p, char text[MAIL_ORCPT + 1])
{
	size_t n = 0, used;

	for (size_t i = 0; i < p->value_len; i += used) {
		size_t room = MAIL_ORCPT + 1 - n;
		int32_t c = utf8_next(p->value + i, p->value_len - i, &used);
		if (!utf8_is_text(c)) {
			return false;
		}
		int len = c < 0x80 ? snprintf(text + n, room, "%c", (char)c)
		                   : snprintf(text + n, room,
					 "\\x{%" PRIX32 "}", (uint32_t)c);
		n += (size_t)len;
		if ((size_t)len >= room) {
			return false;
		}
	}
	p->value = text;
	p->value_len = n;
	return true;
}

/* "type;xtext", where the type is an atom. */
static bool
orcpt(struct param *p, char *out, size_t size)
{
	char text[MAIL_ORCPT + 1];
	size_t type = 0;

	while (type < p->value_len && p->value[type] != ';') {
		char c = p->value[type++];
		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= '0' && c <= '9') && c != '-') {
			return false;
		}
	}
	if (word_is(p->value, type, "UTF-8") && !embed(p, text)) {
		return false;
	}
	return type > 0 && keep(p, type + 1, out, size);
}

/* XREPORT, where it is offered. */
static bool
report_wanted(const struct param *p, bool *report)
{
	*report = p->value == NULL;
	return *report;
}

enum params
params_rcpt(const char *text, struct recipient *r, char out[MAIL_ORCPT + 1],
    bool *report)
{
	struct param p;

	out[0] = '\0';
	r->orcpt = out;
	r->notify = 0;
	while (next_param(&text, &p)) {
		bool ok = false;
		if (word_is(p.keyword, p.keyword_len, "NOTIFY")) {
			ok = notify(&p, &r->notify);
		} else if (word_is(p.keyword, p.keyword_len, "ORCPT")) {
			ok = orcpt(&p, out, MAIL_ORCPT + 1);
		} else if (report != NULL &&
			   word_is(p.keyword, p.keyword_len, "XREPORT")) {
			ok = report_wanted(&p, report);
		} else {
			return PARAMS_UNKNOWN;
		}
		if (!ok) {
			return PARAMS_SYNTAX;
		}
	}
	return PARAMS_OK;
}
