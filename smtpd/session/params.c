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

/* Keeps a value that is xtext behind the prefix octets, and not too long. */
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

/* (["-"] NZDIGIT) / "0" (RFC 6710 section 4.2) */
static bool
priority(const struct param *p, int *out)
{
	bool negative = p->value_len == 2 && *p->value == '-';

	if (p->value_len != 1u + negative) {
		return false;
	}
	const char *digit = p->value + negative;
	if (*digit < (negative ? '1' : '0') || *digit > '9') {
		return false;
	}
	*out = negative ? '0' - *digit : *digit - '0';
	return true;
}

/* ["-" / "+"] 1*9DIGIT ";" ("N" / "R") ["T"] (RFC 2852 section 4) */
static bool
deliver_by(const struct param *p, struct mail_by *by)
{
	const char *at = p->value;
	const char *semicolon =
	    at == NULL ? NULL : memchr(at, ';', p->value_len);
	uint64_t seconds;

	if (semicolon == NULL || by->mode != BY_UNSAID) {
		return false;
	}
	bool sign = *at == '-' || *at == '+';
	bool negative = *at == '-';
	at += sign;
	if (semicolon - at > BY_DIGITS ||
	    !digits(at, (size_t)(semicolon - at), &seconds)) {
		return false;
	}
	by->seconds = negative ? -(int64_t)seconds : (int64_t)seconds;
	const char *word = semicolon + 1;
	size_t len = (size_t)(p->value + p->value_len - word);
	by->trace = word_is(word, len, "NT") || word_is(word, len, "RT");
	len -= by->trace;
	by->mode = word_is(word, len, "N") ? BY_NOTIFY : BY_RETURN;
	return by->mode == BY_NOTIFY || word_is(word, len, "R");
}

static enum params
take_mail(const struct param *p, struct mail_params *out)
{
	if (word_is(p->keyword, p->keyword_len, "SIZE")) {
		return is_ok(p->value != NULL &&
			     digits(p->value, p->value_len, &out->size));
	}
	if (word_is(p->keyword, p->keyword_len, "BODY")) {
		out->binary = value_is(p, "BINARYMIME");
		out->eight_bit = out->binary || value_is(p, "8BITMIME");
		return is_ok(out->eight_bit || value_is(p, "7BIT"));
	}
	if (word_is(p->keyword, p->keyword_len, "SMTPUTF8")) {
		out->utf8 = true;
		return is_ok(p->value == NULL);
	}
	if (word_is(p->keyword, p->keyword_len, "REQUIRETLS")) {
		out->need_tls = true;
		return is_ok(p->value == NULL);
	}
	if (word_is(p->keyword, p->keyword_len, "HOLDFOR")) {
		bool again = out->hold_for != 0 || out->hold_until != 0;
		return is_ok(!again && p->value_len <= HOLD_DIGITS &&
			     digits(p->value, p->value_len, &out->hold_for) &&
			     out->hold_for > 0);
	}
	if (word_is(p->keyword, p->keyword_len, "HOLDUNTIL")) {
		bool again = out->hold_for != 0 || out->hold_until != 0;
		return is_ok(
		    !again && p->value != NULL &&
		    date_read(p->value, p->value_len, &out->hold_until) &&
		    out->hold_until > 0);
	}
	if (word_is(p->keyword, p->keyword_len, "BY")) {
		return is_ok(deliver_by(p, &out->by));
	}
	if (word_is(p->keyword, p->keyword_len, "MT-PRIORITY")) {
		bool again = out->has_priority;
		out->has_priority = true;
		return is_ok(!again && priority(p, &out->priority));
	}
	if (word_is(p->keyword, p->keyword_len, "AUTH")) {
		return is_ok(p->value_len > 0);
	}
	if (word_is(p->keyword, p->keyword_len, "RET")) {
		bool again = out->ret != RET_UNSAID;
		out->ret = value_is(p, "FULL") ? RET_FULL : RET_HDRS;
		return is_ok(
		    !again && (out->ret == RET_FULL || value_is(p, "HDRS")));
	}
	if (word_is(p->keyword, p->keyword_len, "ENVID")) {
		return is_ok(keep(p, 0, out->envid, sizeof(out->envid)));
	}
	return PARAMS_UNKNOWN;
}

enum params
params_mail(const char *text, struct mail_params *out)
{
	struct param p;
	enum params result = PARAMS_OK;

	*out = (struct mail_params){ .size = 0 };
	while (result == PARAMS_OK && next_param(&text, &p)) {
		result = take_mail(&p, out);
	}
	return result;
}

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

enum params
params_rcpt(const char *text, struct rcpt_params *out)
{
	struct param p;

	*out = (struct rcpt_params){ .notify = 0 };
	while (next_param(&text, &p)) {
		bool ok = false;
		if (word_is(p.keyword, p.keyword_len, "NOTIFY")) {
			ok = notify(&p, &out->notify);
		} else if (word_is(p.keyword, p.keyword_len, "ORCPT")) {
			ok = orcpt(&p, out->orcpt, sizeof(out->orcpt));
		} else {
			return PARAMS_UNKNOWN;
		}
		if (!ok) {
			return PARAMS_SYNTAX;
		}
	}
	return PARAMS_OK;
}
