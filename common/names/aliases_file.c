/* SPDX-License-Identifier: ISC */
/*
 * Reads the aliases file:
 *   entry    = name ":" targets line-end *( blank targets line-end )
 *   name     = word / <"> *( character / "\" character ) <">
 *   targets  = see aliases_text.c / ( ":moved:" / ":forwarded:" ) address
 * Lines that are empty or begin with "#" stand between entries or within one.
 */
#include "common/names/aliases_file.h"

#include "common/log/log.h"

#include <stdlib.h>
#include <string.h>

/* An entry that is being read. */
struct reading {
	struct aliases *a;
	enum alias_kind kind;
	size_t targets; /* so far */
	bool memory;    /* was sufficient, for entries */
	bool mixed;     /* ":moved:" and other targets */
};

bool
aliases_lower(const char *key, char lower[ALIAS_KEY + 1])
{
	size_t n = strlen(key);

	if (n > ALIAS_KEY) {
		return false;
	}
	for (size_t i = 0; i <= n; i++) {
		lower[i] = key[i] >= 'A' && key[i] <= 'Z'
		               ? (char)(key[i] | 0x20)
		               : key[i];
	}
	return true;
}

/* FNV-1a; the administrator writes the keys, so no attacker can make them
 * collide. */
static size_t
hash(const char *key)
{
	uint64_t h = 14695981039346656037u;

	for (; *key != '\0'; key++) {
		h = (h ^ (unsigned char)*key) * 1099511628211u;
	}
	return (size_t)(h ^ h >> 32);
}

const char *
aliases_text(const struct aliases *a, uint32_t at)
{
	return at < a->text_len ? a->text + at : "";
}

/* The entry of a number in the table; NULL: there is none. */
static const struct alias_entry *
numbered(const struct aliases *a, uint32_t number)
{
	return number > 0 && number <= a->count ? &a->entries[number - 1]
	                                        : NULL;
}

/* The place of the key in the table, or the empty one where it would be. */
static size_t
slot(const struct aliases *a, const char *lower)
{
	size_t i = hash(lower) & (a->size - 1);
	const struct alias_entry *e;

	while ((e = numbered(a, a->table[i])) != NULL &&
	       strcmp(aliases_text(a, e->name), lower) != 0) {
		i = (i + 1) & (a->size - 1);
	}
	return i;
}

const struct alias_entry *
aliases_entry(const struct aliases *a, const char *lower)
{
	return a->size == 0 ? NULL : numbered(a, a->table[slot(a, lower)]);
}

/* Keeps the table at most half full. */
static bool
make_room(struct aliases *a)
{
	if (a->count * 2 < a->size) {
		return true;
	}
	size_t size = a->size == 0 ? 64 : a->size * 2;
	uint32_t *table = calloc(size, sizeof(*table));
	void *entries =
	    reallocarray(a->owned_entries, size / 2, sizeof(*a->entries));
	if (entries != NULL) {
		a->entries = a->owned_entries = entries;
	}
	if (table == NULL || entries == NULL) {
		free(table);
		return false;
	}
	free(a->owned_table);
	a->table = a->owned_table = table;
	a->size = size;
	for (size_t i = 0; i < a->count; i++) {
		size_t at = slot(a, aliases_text(a, a->entries[i].name));
		table[at] = (uint32_t)i + 1;
	}
	return true;
}

/* Where the text is kept. */
static uint32_t
keep(struct aliases *a, const char *text)
{
	size_t size = strlen(text) + 1, at = a->text_len;

	memcpy(a->owned_text + at, text, size);
	a->text_len += size;
	return (uint32_t)at;
}

/* The text after the word that a target begins with; NULL if it does not. */
static const char *
text_after(const char *target, const char *word)
{
	size_t n = strlen(word);

	return strncmp(target, word, n) == 0
	           ? target + n + strspn(target + n, " \t")
	           : NULL;
}

static bool
add_target(void *context, const char *target)
{
	struct reading *r = context;
	const char *moved = text_after(target, ":moved:");
	const char *forwarded = text_after(target, ":forwarded:");

	if (moved != NULL || forwarded != NULL) {
		r->kind = moved != NULL ? ALIAS_MOVED : ALIAS_FORWARDED;
		target = moved != NULL ? moved : forwarded;
		r->mixed = r->mixed || *target == '\0';
	}
	r->targets++;
	r->mixed = r->mixed || (r->kind != ALIAS_LIST && r->targets > 1);
	for (const char *p = target; *p != '\0'; p++) {
		r->a->high = r->a->high || (*p & 0x80) != 0;
	}
	r->a->lists = r->a->lists || target[0] == ':';
	(void)keep(r->a, target);
	return true;
}

/*
 * Reads the name at the start of an entry; *rest is the text after its colon.
 * false: there is none.
 */
static bool
read_name(const char *p, size_t len, char name[ALIAS_KEY + 1], size_t *rest)
{
	bool quote = len > 0 && p[0] == '"';
	size_t i = quote, n = 0;

	for (; i < len && p[i] != (quote ? '"' : ':'); i++) {
		if (quote && p[i] == '\\' && i + 1 < len) {
			i++;
		}
		/* A blank in a bare name means that a colon is missing. */
		if (n == ALIAS_KEY || (unsigned char)p[i] < 0x20 ||
		    p[i] == 0x7f || (!quote && strchr(" \t\",|", p[i]))) {
			break;
		}
		name[n++] = p[i];
	}
	name[n] = '\0';
	i += quote && i < len && p[i] == '"';
	while (i < len && (p[i] == ' ' || p[i] == '\t')) {
		i++;
	}
	*rest = i + 1;
	return n > 0 && i < len && p[i] == ':';
}

/* A local part, user@domain or @domain. */
static bool
is_key(const char *name)
{
	const char *at = strrchr(name, '@');

	return at == NULL || address_is_domain(at + 1);
}

/* Reads one entry; returns what is wrong with it, or NULL. */
static const char *
read_entry(struct reading *r, const char *p, size_t len)
{
	struct aliases *a = r->a;
	char name[ALIAS_KEY + 1], lower[ALIAS_KEY + 1];
	size_t rest, first = a->text_len;

	r->kind = ALIAS_LIST;
	r->targets = 0;
	r->mixed = false;
	if (!read_name(p, len, name, &rest) || !is_key(name) ||
	    !aliases_lower(name, lower)) {
		return "not of the form \"name: target, ...\"";
	}
	if (!make_room(a)) {
		r->memory = false;
		return NULL;
	}
	size_t place = slot(a, lower);
	if (a->table[place] != 0) {
		return "this name is defined further up already";
	}
	const char *why = NULL;
	bool whole = aliases_targets(p + rest, len - rest, add_target, r);
	if (!whole || r->mixed || r->targets == 0) {
		why =
		    whole && !r->mixed ? "no target" : "a target is malformed";
		r->kind = ALIAS_LIST;
		a->text_len = first;
	}
	(void)keep(a, ""); /* ends the targets */
	a->owned_entries[a->count] =
	    (struct alias_entry){ .name = keep(a, lower),
		    .targets = (uint32_t)first,
		    .kind = (uint32_t)r->kind };
	a->owned_table[place] = (uint32_t)++a->count;
	return why;
}

static const char *
next_line(const char *p, const char *end)
{
	const char *lf = memchr(p, '\n', (size_t)(end - p));

	return lf == NULL ? end : lf + 1;
}

static bool
is_blank_line(const char *p, const char *end)
{
	return *p == '\n' || *p == '#' ||
	       (*p == '\r' && p + 1 < end && p[1] == '\n');
}

bool
aliases_read(struct aliases *a, const char *path, const char *data, size_t len)
{
	struct reading r = { .a = a, .memory = true };
	const char *end = data + len;
	size_t line = 0;

	/* Each name and target has a separator after it in the file, and none
	   of the empty ones is there: one for an entry, of at least 3 octets.
	 */
	a->text = a->owned_text = malloc(len + len / 3 + 4);
	if (a->text == NULL) {
		return false;
	}
	for (const char *p = data; p < end && r.memory;) {
		const char *start = p;
		size_t number = ++line;
		p = next_line(p, end);
		if (is_blank_line(start, end)) {
			continue;
		}
		while (p < end &&
		       (*p == ' ' || *p == '\t' || is_blank_line(p, end))) {
			p = next_line(p, end);
			line++;
		}
		const char *why = read_entry(&r, start, (size_t)(p - start));
		if (why != NULL) {
			log_warn("%s:%zu: %s", path, number, why);
			a->malformed++;
		}
	}
	return r.memory;
}
