/* SPDX-License-Identifier: ISC */
/*
 * Lines of notes about TLS:
 *
 *   domain policy text result host address source
 */
#include "smtpd/agent/tls_note.h"

#include "common/text/note.h"

#include <stdio.h>
#include <string.h>

const char *const tls_policy_words[TLS_POLICIES] = {
	[TLS_POLICY_NONE] = "no-policy-found",
	[TLS_POLICY_TLSA] = "tlsa",
	[TLS_POLICY_STS] = "sts",
};

const char *const tls_result_words[TLS_RESULTS] = {
	[TLS_RESULT_OK] = "ok",
	[TLS_RESULT_STARTTLS] = "starttls-not-supported",
	[TLS_RESULT_HOST] = "certificate-host-mismatch",
	[TLS_RESULT_EXPIRED] = "certificate-expired",
	[TLS_RESULT_TRUST] = "certificate-not-trusted",
	[TLS_RESULT_OTHER] = "validation-failure",
	[TLS_RESULT_TLSA] = "tlsa-invalid",
	[TLS_RESULT_DNSSEC] = "dnssec-invalid",
	[TLS_RESULT_DANE] = "dane-required",
	[TLS_RESULT_FETCH] = "sts-policy-fetch-error",
	[TLS_RESULT_POLICY] = "sts-policy-invalid",
	[TLS_RESULT_WEB] = "sts-webpki-invalid",
};

enum { WORD = 32 };

void
tls_note_add(struct tls_note *n, const char *string)
{
	char word[TLS_NOTE_TEXT];
	size_t have = strlen(n->text), len = strlen(string);

	if (len >= sizeof(word) || strpbrk(string, ";+") != NULL ||
	    have + 1 + len >= sizeof(n->text)) {
		return;
	}
	for (size_t i = 0; i <= len; i++) {
		word[i] = string[i] == ' ' ? '+' : string[i];
	}
	if (!note_is_word(word) || len == 0) {
		return;
	}
	if (have > 0) {
		n->text[have++] = ';';
	}
	memcpy(n->text + have, word, len + 1);
}

ssize_t
tls_note_write(const struct tls_note *n, char line[TLS_NOTE_LINE])
{
	struct writer w = { .out = line, .size = TLS_NOTE_LINE };
	bool good = tls_note_valid(n) && note_put(&w, n->domain) &&
	            note_put(&w, tls_policy_words[n->policy]) &&
	            note_put(&w, n->text) &&
	            note_put(&w, tls_result_words[n->result]) &&
	            note_put(&w, n->host) && note_put(&w, n->address) &&
	            note_put(&w, n->source);

	writer_octet(&w, '\n');
	return good ? writer_finish(&w) : -1;
}

/* Takes one of these words. */
static bool
choose(struct span *rest, uint32_t *which, const char *const *words,
    uint32_t count)
{
	char word[WORD];

	if (!note_take(rest, word, sizeof(word))) {
		return false;
	}
	for (*which = 0; *which < count; ++*which) {
		if (strcmp(words[*which], word) == 0) {
			return true;
		}
	}
	return false;
}

#define TAKE(rest, member) note_take(rest, member, sizeof(member))

bool
tls_note_read(const char *line, size_t len, struct tls_note *n)
{
	struct span rest = { line, len };

	memset(n, 0, sizeof(*n));
	return TAKE(&rest, n->domain) &&
	       choose(&rest, &n->policy, tls_policy_words, TLS_POLICIES) &&
	       TAKE(&rest, n->text) &&
	       choose(&rest, &n->result, tls_result_words, TLS_RESULTS) &&
	       TAKE(&rest, n->host) && TAKE(&rest, n->address) &&
	       TAKE(&rest, n->source) && rest.len == 0 && tls_note_valid(n);
}

/* True for "", and for a name in the form in which names are compared. */
static bool
is_name(const char *text, size_t size)
{
	char name[ASK_NAME];
	size_t n = strnlen(text, size);

	return n == 0 ||
	       (n < size && ask_name(text, n, name) && strcmp(text, name) == 0);
}

static bool
is_word(const char *text, size_t size)
{
	return strnlen(text, size) < size && note_is_word(text) &&
	       strcmp(text, "-") != 0;
}

bool
tls_note_valid(const struct tls_note *n)
{
	return n->policy < TLS_POLICIES && n->result < TLS_RESULTS &&
	       n->domain[0] != '\0' && is_name(n->domain, sizeof(n->domain)) &&
	       is_name(n->host, sizeof(n->host)) &&
	       is_word(n->domain, sizeof(n->domain)) &&
	       is_word(n->host, sizeof(n->host)) &&
	       is_word(n->text, sizeof(n->text)) &&
	       is_word(n->address, sizeof(n->address)) &&
	       is_word(n->source, sizeof(n->source));
}
