/* SPDX-License-Identifier: ISC */
/* See the header. */
#include "common/names/access.h"

#include "common/text/network.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct rule {
	enum access_verdict verdict;
	enum access_kind kind;
	struct network network; /* of a client */
	uint32_t pattern, text; /* where these are; 0: "" */
};

struct access {
	struct rule *rules;
	size_t count, room;
	bool has[ACCESS_KINDS];
	char *text; /* the file, cut into words; begins with a NUL */
};

static const char *const kinds[ACCESS_KINDS] = { "client", "helo", "from", "to",
	"header" };

void
access_free(struct access *a)
{
	if (a != NULL) {
		free(a->rules);
		free(a->text);
	}
	free(a);
}

size_t
access_count(const struct access *a)
{
	return a == NULL ? 0 : a->count;
}

bool
access_has(const struct access *a, enum access_kind kind)
{
	return a != NULL && a->has[kind];
}

/* ---- lines ---- */

/* Cuts off a comment, and blanks at the end. */
static void
trim(char *line)
{
	for (char *p = line; *p != '\0'; p++) {
		if (*p == '#' && (p == line || p[-1] == ' ' || p[-1] == '\t')) {
			*p = '\0';
			break;
		}
	}
	size_t n = strlen(line);
	while (n > 0 && strchr(" \t\r", line[n - 1]) != NULL) {
		line[--n] = '\0';
	}
}

/* Cuts the next word off. */
static char *
next_word(char **line)
{
	char *word = *line + strspn(*line, " \t");
	char *end = word + strcspn(word, " \t");

	*line = *end == '\0' ? end : end + 1;
	*line += strspn(*line, " \t");
	*end = '\0';
	return word;
}

/* What a reply can say. */
static bool
is_text(const char *text)
{
	const char *p = text;

	while (*p >= ' ' && *p <= '~') {
		p++;
	}
	return *p == '\0' && p - text <= ACCESS_TEXT;
}

static bool
is_host(const char *name)
{
	return address_is_domain(name + (name[0] == '.'));
}

/* What is wrong with the pattern of a rule, or NULL. */
static const char *
pattern_fault(struct rule *r, const char *pattern)
{
	const char *at = strrchr(pattern, '@');

	switch (r->kind) {
	case ACCESS_CLIENT:
		return network_parse(pattern, &r->network)
		           ? NULL
		           : "a network such as 192.0.2.0/24 expected";
	case ACCESS_HELO:
		return is_text(pattern) && *pattern != '\0'
		           ? NULL
		           : "a name such as host.example expected";
	case ACCESS_FROM:
	case ACCESS_TO:
	case ACCESS_HEADER:
	case ACCESS_KINDS:
		break;
	}
	return at != NULL && is_host(at + 1)
	           ? NULL
	           : "an address such as a@b.example or @b.example, as the "
	             "DNS has it, expected";
}

static const char *
read_kind(const char *word, struct rule *r)
{
	for (size_t i = 0; i < ACCESS_KINDS; i++) {
		if (strcasecmp(word, kinds[i]) == 0) {
			r->kind = (enum access_kind)i;
			return NULL;
		}
	}
	return "client, helo, from, to or header expected";
}

/* Reads a line that is not empty.  What is wrong, or NULL. */
static const char *
read_rule(const struct access *a, char *line, struct rule *r)
{
	const char *verdict = next_word(&line);
	bool refuse = strcasecmp(verdict, "refuse") == 0;

	if (!refuse && strcasecmp(verdict, "accept") != 0) {
		return "refuse or accept expected";
	}
	r->verdict = refuse ? ACCESS_REFUSE : ACCESS_ACCEPT;
	const char *fault = read_kind(next_word(&line), r);
	const char *pattern = next_word(&line);
	if (fault == NULL) {
		fault = pattern_fault(r, pattern);
	}
	if (fault == NULL && !is_text(line)) {
		fault = "the text for the reply is not ASCII, or too long";
	}
	if (fault == NULL && !refuse && *line != '\0') {
		fault = "nothing expected after what is accepted";
	}
	r->pattern = (uint32_t)(pattern - a->text);
	r->text = *line == '\0' ? 0 : (uint32_t)(line - a->text);
	return fault;
}

static bool
add_rule(struct access *a, const struct rule *r)
{
	enum { FIRST = 16 };

	if (a->count == a->room) {
		size_t room = a->room == 0 ? FIRST : a->room * 2;
		void *p = reallocarray(a->rules, room, sizeof(*a->rules));
		if (p == NULL) {
			return false;
		}
		a->rules = p;
		a->room = room;
	}
	a->rules[a->count++] = *r;
	a->has[r->kind] = true;
	return true;
}

/* Reads all lines; false: no memory. */
static bool
read_lines(struct access *a, size_t len, struct access_faults *faults)
{
	char *line = a->text + 1, *end = line + len;

	for (unsigned number = 1; line < end; number++) {
		struct rule r = { .kind = ACCESS_CLIENT };
		char *lf = memchr(line, '\n', (size_t)(end - line));
		char *next = lf == NULL ? end : lf + 1;
		const char *fault = NULL;
		if (lf != NULL) {
			*lf = '\0';
		}
		size_t whole = (size_t)((lf == NULL ? end : lf) - line);
		bool cut = strlen(line) < whole;
		trim(line);
		bool empty = line[strspn(line, " \t")] == '\0' && !cut;
		if (!empty) {
			fault = cut ? "a NUL octet" : read_rule(a, line, &r);
		}
		if (fault != NULL && faults->count++ == 0) {
			faults->line = number;
			faults->what = fault;
		}
		if (!empty && fault == NULL && !add_rule(a, &r)) {
			return false;
		}
		line = next;
	}
	return true;
}

struct access *
access_read(const char *data, size_t len, struct access_faults *faults)
{
	struct access *a = calloc(1, sizeof(*a));

	memset(faults, 0, sizeof(*faults));
	if (a == NULL || (a->text = malloc(len + 2)) == NULL) {
		access_free(a);
		return NULL;
	}
	a->text[0] = '\0';
	memcpy(a->text + 1, data, len);
	a->text[len + 1] = '\0';
	if (!read_lines(a, len, faults)) {
		access_free(a);
		return NULL;
	}
	return a;
}

/* ---- questions ---- */

/* True if a name is the pattern, or below one that begins with a dot. */
static bool
fits_host(const char *pattern, const char *name)
{
	size_t below = strlen(pattern), n = strlen(name);

	return pattern[0] == '.'
	           ? n > below && strcasecmp(name + n - below, pattern) == 0
	           : strcasecmp(name, pattern) == 0;
}

/* True if a local part is that of the pattern, or, but for its extension. */
static bool
fits_local(const char *wanted, size_t n, const struct address *address,
    const char *delimiters)
{
	char local[ADDRESS_PATH + 1];

	if (!address_unquote(address->local, local, sizeof(local))) {
		return false;
	}
	return strncasecmp(local, wanted, n) == 0 &&
	       (local[n] == '\0' || (delimiters != NULL &&
					strchr(delimiters, local[n]) != NULL));
}

static bool
fits_address(
    const char *pattern, const struct address *address, const char *delimiters)
{
	if (address == NULL || address_is_null(address)) {
		return false;
	}
	const char *at = strrchr(pattern, '@');
	size_t n = (size_t)(at - pattern);
	return fits_host(at + 1, address->domain) &&
	       (n == 0 || fits_local(pattern, n, address, delimiters));
}

static bool
fits(const struct access *a, const struct rule *r, const struct access_about *q)
{
	const char *pattern = a->text + r->pattern;

	switch (r->kind) {
	case ACCESS_CLIENT:
		return q->client != NULL && network_has(&r->network, q->client);
	case ACCESS_HELO:
		return q->helo != NULL && fits_host(pattern, q->helo);
	case ACCESS_FROM:
		return fits_address(pattern, q->from, NULL);
	case ACCESS_TO:
		return fits_address(pattern, q->to, q->delimiters);
	case ACCESS_HEADER:
		return fits_address(pattern, q->author, NULL);
	case ACCESS_KINDS:
		break;
	}
	return false;
}

struct access_found
access_find(const struct access *a, const struct access_about *q, uint32_t end)
{
	struct access_found found = { .verdict = ACCESS_NOTHING, .text = "" };

	for (size_t i = 0; i < access_count(a) && i + 1 < end; i++) {
		const struct rule *r = &a->rules[i];
		if (fits(a, r, q)) {
			found.verdict = r->verdict;
			found.kind = r->kind;
			found.rule = (uint32_t)i + 1;
			found.text = a->text + r->text;
			break;
		}
	}
	return found;
}
