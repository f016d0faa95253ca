/* SPDX-License-Identifier: ISC */
/* The Sender Rewriting Scheme: pure but for the hash. */
#include "common/auth/srs.h"

#include "common/text/bytes.h"
#include "common/tls/crypto.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
	DAY = 24 * 60 * 60,
	DAYS = 1024,  /* two characters of base32 */
	HASH = 8,     /* characters: 40 bits */
	TIME = 2,     /* characters */
	INPUT = 1024, /* octets that are hashed at most */
	TAG = 4,      /* "SRS0" */
};

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/* The value of a digit, in either case, since some write small letters. */
static int
digit(char c)
{
	if (c >= 'a' && c <= 'z') {
		c = (char)(c - 32);
	}
	const char *found = c == '\0' ? NULL : strchr(digits, c);
	return found == NULL ? -1 : (int)(found - digits);
}

static bool
is_separator(char c)
{
	return c == '=' || c == '+' || c == '-';
}

/* The 40 bits over parts that are told apart; the host in small letters. */
static int
make_hash(const uint8_t key[SRS_KEY], struct span day, struct span host,
    struct span rest, char out[HASH + 1])
{
	char text[INPUT];
	uint8_t mac[CRYPTO_SHA256];
	uint64_t bits = 0;
	size_t len = 0;

	if (day.len + host.len + rest.len + 2 > sizeof(text)) {
		errno = EMSGSIZE;
		return -1;
	}
	memcpy(text, day.at, day.len);
	len = day.len;
	text[len++] = '=';
	for (size_t i = 0; i < host.len; i++) {
		char c = host.at[i];
		text[len++] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
	}
	text[len++] = '=';
	memcpy(text + len, rest.at, rest.len);
	len += rest.len;
	crypto_hmac(CRYPTO_KIND_SHA256, key, SRS_KEY, text, len, mac);
	for (int i = 0; i < 5; i++) {
		bits = bits << 8 | mac[i];
	}
	for (int i = HASH - 1; i >= 0; i--) {
		out[i] = digits[bits % 32];
		bits /= 32;
	}
	out[HASH] = '\0';
	return 0;
}

/* True if nothing in it needs quotes, is of an address literal, or asks to be
   sent on. */
static bool
is_plain(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.at[i];
		if (c <= ' ' || c == 0x7f ||
		    strchr("\"(),:;<>@[]\\%!", c) != NULL) {
			return false;
		}
	}
	return true;
}

/* A local part and a domain that need no quotes. */
static bool
split(const char *address, struct span *local, struct span *domain)
{
	const char *at = strrchr(address, '@');

	if (at == NULL || at == address || at[1] == '\0') {
		return false;
	}
	*local = (struct span){ address, (size_t)(at - address) };
	*domain = (struct span){ at + 1, strlen(at + 1) };
	return is_plain(*local) && is_plain(*domain);
}

/* Cuts at the separator; false: there is none, or nothing before it. */
static bool
cut(struct span *rest, struct span *part)
{
	const char *found =
	    rest->len == 0 ? NULL : memchr(rest->at, '=', rest->len);

	if (found == NULL || found == rest->at) {
		return false;
	}
	part->at = rest->at;
	part->len = (size_t)(found - rest->at);
	rest->at = found + 1;
	rest->len -= part->len + 1;
	return true;
}

/* The number of the scheme that an address is of, or -1; *rest: after it. */
static int
scheme(struct span local, struct span *rest)
{
	if (local.len <= TAG + 1 || strncasecmp(local.at, "SRS", 3) != 0 ||
	    (local.at[3] != '0' && local.at[3] != '1') ||
	    !is_separator(local.at[TAG])) {
		return -1;
	}
	rest->at = local.at + TAG + 1;
	rest->len = local.len - TAG - 1;
	return local.at[3] - '0';
}

static int
finish(int n, size_t size, size_t domain)
{
	if (n < 0 || (size_t)n >= size || (size_t)n > SRS_LOCAL + 1 + domain) {
		errno = EMSGSIZE;
		return -1;
	}
	return 0;
}

/* For a sender that somebody else has rewritten: first is the host of their
   SRS0, rest what stands after "SRS0" there. */
static int
forward_again(struct span first, struct span rest, const char *domain,
    const struct srs_keys *keys, char *out, size_t size)
{
	char hash[HASH + 1];
	struct span none = { "", 0 };

	if (make_hash(keys->keys[0], none, first, rest, hash) == -1) {
		return -1;
	}
	return finish(
	    snprintf(out, size, "SRS1=%s=%.*s=%.*s@%s", hash, (int)first.len,
		first.at, (int)rest.len, rest.at, domain),
	    size, strlen(domain));
}

static int
forward_first(struct span local, struct span host, const char *domain,
    const struct srs_keys *keys, time_t now, char *out, size_t size)
{
	unsigned day = (unsigned)(now / DAY % DAYS);
	const char text[] = { digits[day / 32], digits[day % 32], '\0' };
	struct span when = { text, TIME };
	char hash[HASH + 1];

	if (make_hash(keys->keys[0], when, host, local, hash) == -1) {
		return -1;
	}
	return finish(
	    snprintf(out, size, "SRS0=%s=%s=%.*s=%.*s@%s", hash, text,
		(int)host.len, host.at, (int)local.len, local.at, domain),
	    size, strlen(domain));
}

int
srs_forward(const char *sender, const char *domain, const struct srs_keys *keys,
    time_t now, char *out, size_t size)
{
	struct span local, host, rest, hash, first;

	if (keys->count == 0 || !split(sender, &local, &host) ||
	    memchr(host.at, '=', host.len) != NULL) {
		errno = EINVAL;
		return -1;
	}
	switch (scheme(local, &rest)) {
	case 0:
		/* With its separator, which is one of three. */
		rest.at--;
		rest.len++;
		return forward_again(host, rest, domain, keys, out, size);
	case 1:
		/* Only the hash is another: the way back leaves hosts out. */
		if (cut(&rest, &hash) && cut(&rest, &first) && rest.len > 1 &&
		    is_separator(*rest.at)) {
			return forward_again(
			    first, rest, domain, keys, out, size);
		}
		break; /* it only looks like one */
	default:
		break;
	}
	return forward_first(local, host, domain, keys, now, out, size);
}

/* ---- back ---- */

static enum srs_back
check_hash(const struct srs_keys *keys, struct span hash, struct span day,
    struct span host, struct span rest)
{
	char ours[HASH + 1], theirs[HASH];

	if (hash.len != HASH) {
		return SRS_FORGED;
	}
	for (size_t i = 0; i < HASH; i++) {
		int d = digit(hash.at[i]);
		if (d == -1) {
			return SRS_FORGED;
		}
		theirs[i] = digits[d];
	}
	for (size_t i = 0; i < keys->count; i++) {
		if (make_hash(keys->keys[i], day, host, rest, ours) == -1) {
			return SRS_FORGED; /* longer than any of ours */
		}
		if (crypto_equal(ours, theirs, HASH)) {
			return SRS_GOOD;
		}
	}
	return SRS_FORGED;
}

/* A day ahead is a clock that differs. */
static enum srs_back
check_day(struct span day, time_t now)
{
	int high = digit(day.at[0]), low = digit(day.at[1]);
	int today = (int)(now / DAY % DAYS);

	if (high == -1 || low == -1) {
		return SRS_FORGED;
	}
	int age = (today - (high * 32 + low) + DAYS) % DAYS;
	return age <= SRS_DAYS || age == DAYS - 1 ? SRS_GOOD : SRS_EXPIRED;
}

static enum srs_back
reverse_first(struct span rest, const struct srs_keys *keys, time_t now,
    char *out, size_t size)
{
	struct span hash, day, host;

	if (!cut(&rest, &hash) || !cut(&rest, &day) || !cut(&rest, &host) ||
	    rest.len == 0 || day.len != TIME) {
		return SRS_FORGED;
	}
	const int high = digit(day.at[0]), low = digit(day.at[1]);
	if (high == -1 || low == -1) {
		return SRS_FORGED;
	}
	const char text[] = { digits[high], digits[low] };
	struct span when = { text, TIME };
	enum srs_back r = check_hash(keys, hash, when, host, rest);
	r = r == SRS_GOOD ? check_day(day, now) : r;
	if (r != SRS_GOOD) {
		return r;
	}
	int n = snprintf(out, size, "%.*s@%.*s", (int)rest.len, rest.at,
	    (int)host.len, host.at);
	return n > 0 && (size_t)n < size ? SRS_GOOD : SRS_UNKNOWN;
}

static enum srs_back
reverse_again(
    struct span rest, const struct srs_keys *keys, char *out, size_t size)
{
	struct span hash, first, none = { "", 0 };

	if (!cut(&rest, &hash) || !cut(&rest, &first) || rest.len < 2 ||
	    !is_separator(*rest.at)) {
		return SRS_FORGED;
	}
	enum srs_back r = check_hash(keys, hash, none, first, rest);
	if (r != SRS_GOOD) {
		return r;
	}
	int n = snprintf(out, size, "SRS0%.*s@%.*s", (int)rest.len, rest.at,
	    (int)first.len, first.at);
	return n > 0 && (size_t)n < size ? SRS_GOOD : SRS_UNKNOWN;
}

bool
srs_is_rewritten(const char *address)
{
	struct span local, domain, rest;

	return split(address, &local, &domain) && scheme(local, &rest) != -1;
}

enum srs_back
srs_reverse(const char *address, const struct srs_keys *keys, time_t now,
    char *out, size_t size)
{
	struct span local, domain, rest;

	if (!split(address, &local, &domain)) {
		return SRS_NONE;
	}
	switch (scheme(local, &rest)) {
	case 0:
		return reverse_first(rest, keys, now, out, size);
	case 1:
		return reverse_again(rest, keys, out, size);
	default:
		return SRS_NONE;
	}
}
