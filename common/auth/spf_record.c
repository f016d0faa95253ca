/* SPDX-License-Identifier: ISC */
/*
 * Reads SPF records (RFC 7208 sections 4.5, 4.6.1 and 12):
 *
 *   record    = "v=spf1" *( 1*SP ( directive / modifier ) ) *SP
 *   directive = [ "+" / "-" / "?" / "~" ] name [ ":" domain-spec ]
 *               [ "/" digits ] [ "//" digits ]
 *   modifier  = name "=" macro-string
 */
#include "common/auth/spf_private.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

bool
spf_record_is(struct span text, struct span *terms)
{
	static const char version[] = "v=spf1";
	const size_t len = sizeof(version) - 1;

	if (text.len < len || strncasecmp(text.at, version, len) != 0 ||
	    (text.len > len && text.at[len] != ' ')) {
		return false;
	}
	*terms = (struct span){ text.at + len, text.len - len };
	return true;
}

/* Octets of a name of a mechanism or modifier. */
static size_t
name_length(struct span text)
{
	size_t n = 0;

	while (n < text.len &&
	       (spf_is_alpha(text.at[n]) ||
		   (n > 0 && (spf_is_digit(text.at[n]) ||
				 strchr("-_.", text.at[n]) != NULL)))) {
		n++;
	}
	return n;
}

/*
 * Takes a prefix length after slashes off the end of the text, if there is one:
 * digits without a leading zero, at most most.  False: it is malformed.
 */
static bool
take_bits(struct span *text, const char *slashes, unsigned most, unsigned *bits)
{
	size_t n = text->len, len = strlen(slashes);
	unsigned value = 0;

	while (n > 0 && spf_is_digit(text->at[n - 1])) {
		n--;
	}
	size_t digits = text->len - n;
	if (digits == 0 || n < len ||
	    memcmp(text->at + n - len, slashes, len) != 0 ||
	    (len == 1 && n > 1 && text->at[n - 2] == '/')) {
		return true; /* it is none */
	}
	if (digits > 3 || (digits > 1 && text->at[n] == '0')) {
		return false;
	}
	for (size_t i = 0; i < digits; i++) {
		value = value * 10 + (unsigned)(text->at[n + i] - '0');
	}
	*bits = value;
	text->len = n - len;
	return value <= most;
}

/* Reads what follows the name of include, exists, a, mx or ptr. */
static bool
read_domain(struct span rest, struct spf_term *t)
{
	bool sized = t->kind == SPF_A || t->kind == SPF_MX;

	if (sized && (!take_bits(&rest, "//", 128, &t->bits6) ||
			 !take_bits(&rest, "/", 32, &t->bits4))) {
		return false;
	}
	if (rest.len == 0) {
		return sized || t->kind == SPF_PTR;
	}
	t->domain = (struct span){ rest.at + 1, rest.len - 1 };
	return rest.at[0] == ':' && spf_macro_is_domain(t->domain);
}

/* Reads what follows the name of ip4 or ip6. */
static bool
read_network(struct span rest, struct spf_term *t)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	bool v4 = t->kind == SPF_IP4;
	char text[INET6_ADDRSTRLEN];

	if (rest.len < 2 || rest.at[0] != ':' ||
	    !take_bits(&rest, "/", v4 ? 32 : 128, v4 ? &t->bits4 : &t->bits6) ||
	    rest.len < 2 || rest.len > sizeof(text)) {
		return false;
	}
	memcpy(text, rest.at + 1, rest.len - 1);
	text[rest.len - 1] = '\0';
	memcpy(t->address, mapped, sizeof(mapped));
	return inet_pton(v4 ? AF_INET : AF_INET6, text,
		   t->address + (v4 ? sizeof(mapped) : 0)) == 1;
}

static bool
read_modifier(struct span name, struct span value, struct spf_term *t)
{
	t->domain = value;
	if (name.len == 8 && strncasecmp(name.at, "redirect", 8) == 0) {
		t->kind = SPF_REDIRECT;
		return spf_macro_is_domain(value);
	}
	if (name.len == 3 && strncasecmp(name.at, "exp", 3) == 0) {
		t->kind = SPF_EXP;
		return spf_macro_is_domain(value);
	}
	t->kind = SPF_UNKNOWN;
	return spf_macro_valid(value, false);
}

static bool
read_mechanism(struct span name, struct span rest, struct spf_term *t)
{
	static const struct {
		const char *name;
		enum spf_kind kind;
	} all[] = { { "all", SPF_ALL }, { "include", SPF_INCLUDE },
		{ "a", SPF_A }, { "mx", SPF_MX }, { "ptr", SPF_PTR },
		{ "ip4", SPF_IP4 }, { "ip6", SPF_IP6 },
		{ "exists", SPF_EXISTS } };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (strlen(all[i].name) == name.len &&
		    strncasecmp(all[i].name, name.at, name.len) == 0) {
			t->kind = all[i].kind;
			return t->kind == SPF_ALL ? rest.len == 0
			       : t->kind == SPF_IP4 || t->kind == SPF_IP6
			           ? read_network(rest, t)
			           : read_domain(rest, t);
		}
	}
	return false;
}

static bool
read_term(struct span text, struct spf_term *t)
{
	static const char qualifiers[] = "+-~?";
	static const enum spf_result results[] = { SPF_PASS, SPF_FAIL,
		SPF_SOFTFAIL, SPF_NEUTRAL };

	*t = (struct spf_term){
		.qualifier = SPF_PASS, .bits4 = 32, .bits6 = 128
	};
	const char *q = memchr(qualifiers, text.at[0], sizeof(qualifiers) - 1);
	if (q != NULL) {
		t->qualifier = results[q - qualifiers];
		text.at++;
		text.len--;
	}
	struct span name = { text.at, name_length(text) };
	struct span rest = { text.at + name.len, text.len - name.len };
	if (name.len == 0) {
		return false;
	}
	if (rest.len > 0 && rest.at[0] == '=') {
		return q == NULL &&
		       read_modifier(
			   name, (struct span){ rest.at + 1, rest.len - 1 }, t);
	}
	return read_mechanism(name, rest, t);
}

enum spf_read
spf_record_next(struct span *rest, struct spf_term *t)
{
	while (rest->len > 0 && rest->at[0] == ' ') {
		rest->at++;
		rest->len--;
	}
	if (rest->len == 0) {
		return SPF_READ_END;
	}
	const char *end = memchr(rest->at, ' ', rest->len);
	struct span text = { rest->at,
		end == NULL ? rest->len : (size_t)(end - rest->at) };
	rest->at += text.len;
	rest->len -= text.len;
	return read_term(text, t) ? SPF_READ_TERM : SPF_READ_BAD;
}
