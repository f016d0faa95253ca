/* SPDX-License-Identifier: ISC */
/* MAIL and RCPT commands, rebuilt from their parsed parts. */
#include "smtpd/relay/client_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* True if the text can be one word of a command. */
static bool
is_word(const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text <= ' ' || *text >= 0x7f) {
			return false;
		}
	}
	return true;
}

bool
envelope_is_ascii(const char *text)
{
	for (; *text != '\0'; text++) {
		if ((*text & 0x80) != 0) {
			return false;
		}
	}
	return true;
}

/* Extensions that nothing but parameters of MAIL comes of. */
static const struct {
	const char *word;
	unsigned extension;
} of_mail[] = {
	{ "MT-PRIORITY", EXT_MT_PRIORITY },
};

unsigned
envelope_extension(const char *word, size_t len)
{
	for (size_t i = 0; i < sizeof(of_mail) / sizeof(of_mail[0]); i++) {
		if (strlen(of_mail[i].word) == len &&
		    strncasecmp(of_mail[i].word, word, len) == 0) {
			return of_mail[i].extension;
		}
	}
	return 0;
}

bool
envelope_path(const char *text, bool utf8, char *path, size_t size)
{
	struct address a;
	char plain[ADDRESS_TEXT];
	const char *rest;
	enum path read = utf8 ? address_path_utf8(text, &a, &rest)
	                      : address_path(text, &a, &rest);

	if (read != PATH_OK || *rest != '\0' ||
	    (a.domain[0] == '\0' && !envelope_is_ascii(a.local))) {
		return false;
	}
	address_text(&a, plain, sizeof(plain));
	/* A quoted local part may hold brackets, and there are servers for
	   which the first of them is the end of the address. */
	return strpbrk(plain, "<>") == NULL &&
	       (size_t)snprintf(path, size, "<%s>", plain) < size;
}

/* Adds a parameter; false: no room. */
static bool
add_param(char line[ENVELOPE_LINE], const char *key, const char *value)
{
	size_t n = strlen(line);

	return (size_t)snprintf(line + n, ENVELOPE_LINE - n, " %s%s", key,
		   value) < ENVELOPE_LINE - n;
}

/* Writes the time that is left (RFC 2852 section 4.1.4). */
static void
by_value(const struct deliver_by *by, time_t now, char *text, size_t size)
{
	int64_t most = 999999999, left = by->time - now;

	left = left > most ? most : left < -most ? -most : left;
	snprintf(text, size, "%" PRId64 ";%c%s", left,
	    by->mode == BY_RETURN ? 'R' : 'N', by->trace ? "T" : "");
}

bool
envelope_mail(const struct mail *mail, const struct offer *offer, time_t now,
    char line[ENVELOPE_LINE])
{
	char path[ADDRESS_TEXT + 2], number[24];
	unsigned has = offer->extensions;
	bool good = true;

	if (!envelope_path(mail->sender[0] != '\0' ? mail->sender : "<>",
		mail->utf8, path, sizeof(path))) {
		return false;
	}
	snprintf(line, ENVELOPE_LINE, "MAIL FROM:%s", path);
	if ((has & EXT_SIZE) != 0) {
		snprintf(number, sizeof(number), "%" PRIu64, mail->size);
		good = good && add_param(line, "SIZE=", number);
	}
	if ((has & EXT_8BITMIME) != 0 && mail->eight_bit) {
		good = good && add_param(line, "BODY=8BITMIME", "");
	}
	if ((has & EXT_SMTPUTF8) != 0 && mail->utf8) {
		good = good && add_param(line, "SMTPUTF8", "");
	}
	if ((has & EXT_REQUIRETLS) != 0 && mail->need_tls) {
		good = good && add_param(line, "REQUIRETLS", "");
	}
	if ((has & EXT_DELIVERBY) != 0 && mail->by.mode != BY_UNSAID) {
		by_value(&mail->by, now, number, sizeof(number));
		good = good && add_param(line, "BY=", number);
	}
	if ((has & EXT_MT_PRIORITY) != 0 && mail->priority != 0) {
		snprintf(number, sizeof(number), "%d", mail->priority);
		good = good && add_param(line, "MT-PRIORITY=", number);
	}
	if ((has & EXT_DSN) != 0) {
		if (mail->ret != RET_UNSAID) {
			good = good &&
			       add_param(line, "RET=",
				   mail->ret == RET_FULL ? "FULL" : "HDRS");
		}
		if (mail->envid[0] != '\0' && is_word(mail->envid)) {
			good = good && add_param(line, "ENVID=", mail->envid);
		}
	}
	return good;
}

/* RFC 3461 section 4.1 */
static const char *
notify_words(unsigned notify, char words[32])
{
	static const struct {
		enum notify bit;
		const char *word;
	} bits[] = {
		{ NOTIFY_SUCCESS, "SUCCESS" },
		{ NOTIFY_FAILURE, "FAILURE" },
		{ NOTIFY_DELAY, "DELAY" },
	};

	if ((notify & NOTIFY_NEVER) != 0) {
		return "NEVER";
	}
	words[0] = '\0';
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		if ((notify & bits[i].bit) != 0) {
			size_t n = strlen(words);
			snprintf(words + n, 32 - n, "%s%s", n > 0 ? "," : "",
			    bits[i].word);
		}
	}
	return words;
}

bool
envelope_rcpt(const struct mail *mail, const struct recipient *r,
    const struct offer *offer, char line[ENVELOPE_LINE])
{
	char path[ADDRESS_TEXT + 2], words[32];
	bool good = true;

	if (!envelope_path(r->text, mail->utf8, path, sizeof(path)) ||
	    strcmp(path, "<>") == 0) {
		return false;
	}
	snprintf(line, ENVELOPE_LINE, "RCPT TO:%s", path);
	if ((offer->extensions & EXT_DSN) == 0) {
		return true;
	}
	if (r->notify != 0) {
		good =
		    add_param(line, "NOTIFY=", notify_words(r->notify, words));
	}
	if (r->orcpt[0] != '\0' && is_word(r->orcpt)) {
		good = good && add_param(line, "ORCPT=", r->orcpt);
	}
	return good;
}
