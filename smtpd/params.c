/* SPDX-License-Identifier: ISC */
/* esmtp-param = keyword [ "=" value ], separated by blanks. */
#include "smtpd/params.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

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
take(const struct param *p, struct mail_params *out)
{
	if (word_is(p->keyword, p->keyword_len, "SIZE")) {
		return p->value != NULL &&
		               digits(p->value, p->value_len, &out->size)
		           ? PARAMS_OK
		           : PARAMS_SYNTAX;
	}
	if (word_is(p->keyword, p->keyword_len, "BODY")) {
		out->eight_bit = p->value != NULL &&
		                 word_is(p->value, p->value_len, "8BITMIME");
		return out->eight_bit ||
		               (p->value != NULL &&
				   word_is(p->value, p->value_len, "7BIT"))
		           ? PARAMS_OK
		           : PARAMS_SYNTAX;
	}
	if (word_is(p->keyword, p->keyword_len, "AUTH")) {
		return p->value_len > 0 ? PARAMS_OK : PARAMS_SYNTAX;
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
		result = take(&p, out);
	}
	return result;
}

enum params
params_rcpt(const char *text)
{
	struct param p;

	return next_param(&text, &p) ? PARAMS_UNKNOWN : PARAMS_OK;
}
