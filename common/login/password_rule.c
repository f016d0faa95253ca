/* SPDX-License-Identifier: ISC */
/* What guessers try first is no password. */
#include "common/login/password_rule.h"

#include "common/text/utf8.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* A run of letters that passwords are made of when nobody thinks. */
static const char *const rows[] = { "abcdefghijklmnopqrstuvwxyz",
	"zyxwvutsrqponmlkjihgfedcba", "01234567890123456789",
	"98765432109876543210", "qwertyuiopasdfghjklzxcvbnm",
	"qwertzuiopasdfghjklyxcvbnm", "azertyuiopqsdfghjklmwxcvbn",
	"1qaz2wsx3edc4rfv5tgb6yhn7ujm", "1q2w3e4r5t6y7u8i9o0p" };

static const char *const words[] = { "admin", "administrator", "baseball",
	"changeme", "computer", "default", "dragon", "football", "iloveyou",
	"letmein", "login", "mail", "master", "monkey", "passphrase", "passwd",
	"password", "passwort", "postmaster", "princess", "root", "secret",
	"server", "sunshine", "superman", "test", "user", "welcome" };

/* Its letters; what stands around and among them does not make a secret. */
static size_t
letters_of(const char *text, char *out, size_t size)
{
	size_t n = 0;

	for (; *text != '\0' && n + 1 < size; text++) {
		if (isalpha((unsigned char)*text)) {
			out[n++] = (char)tolower((unsigned char)*text);
		}
	}
	out[n] = '\0';
	return n;
}

/* True if text is word, once or over and over. */
static bool
repeats(const char *text, size_t len, const char *word, size_t word_len)
{
	for (size_t at = 0; at < len; at++) {
		if (tolower((unsigned char)text[at]) !=
		    tolower((unsigned char)word[at % word_len])) {
			return false;
		}
	}
	return word_len > 0 && len % word_len == 0;
}

static bool
is_word(const char *letters, size_t len)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (len > 0 &&
		    repeats(letters, len, words[i], strlen(words[i]))) {
			return true;
		}
	}
	return false;
}

/* True for a part of a row, and for such a part over and over. */
static bool
is_run(const char *password)
{
	size_t len = strlen(password);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t n = len; n > 1; n--) {
			char part[64];
			if (len % n != 0 || n >= sizeof(part)) {
				continue;
			}
			strlcpy(part, password, n + 1);
			if (strcasestr(rows[i], part) != NULL &&
			    repeats(password, len, part, n)) {
				return true;
			}
		}
	}
	return false;
}

static bool
is_label(const char *letters, size_t len, const char *name)
{
	char label[256];

	while (*name != '\0') {
		size_t n = strcspn(name, ".@-_+");
		char text[256];
		strlcpy(text, name, n < sizeof(text) ? n + 1 : sizeof(text));
		size_t there = letters_of(text, label, sizeof(label));
		if (there > 2 && repeats(letters, len, label, there)) {
			return true;
		}
		name += n + (name[n] != '\0');
	}
	return false;
}

static bool
is_name(const char *letters, size_t len, const char *const *names)
{
	char name[256];

	for (; len > 0 && *names != NULL; names++) {
		size_t n = letters_of(*names, name, sizeof(name));
		if ((n > 2 && repeats(letters, len, name, n)) ||
		    is_label(letters, len, *names)) {
			return true;
		}
	}
	return false;
}

static size_t
characters(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++) {
		n += ((unsigned char)*text & 0xc0) != 0x80;
	}
	return n;
}

const char *
password_weakness(
    const char *password, size_t minimum, const char *const *names)
{
	char letters[256];
	size_t len = letters_of(password, letters, sizeof(letters));

	if (characters(password) < minimum) {
		return "is too short";
	}
	if (repeats(password, strlen(password), password, 1)) {
		return "is one character over and over";
	}
	if (is_run(password)) {
		return "is a row of the keyboard, of the alphabet or of "
		       "figures";
	}
	if (is_name(letters, len, names)) {
		return "is the name of the user or of the server";
	}
	return is_word(letters, len) ? "is one that is tried first" : NULL;
}

enum { MINIMUM = 10 };

unsigned
password_least(const struct config *config)
{
	return config->password_minimum != 0 ? config->password_minimum
	                                     : MINIMUM;
}

const char *
password_weakness_for(
    const struct config *config, const char *user, const char *password)
{
	const char *names[2 + CONFIG_LIST + 1] = { user, config->hostname };

	for (size_t i = 0; i < config->ndomains; i++) {
		names[2 + i] = config->domains[i];
	}
	return password_weakness(password, password_least(config), names);
}

const char *
password_unusable(const char *password)
{
	size_t left = strlen(password), used;

	if (left == 0) {
		return "is empty";
	}
	for (; left > 0; left -= used, password += used) {
		int32_t c = utf8_next(password, left, &used);
		if (c == -1) {
			return "is not UTF-8";
		}
		if (!utf8_is_text(c)) {
			return "holds a control character";
		}
	}
	return NULL;
}
