/* SPDX-License-Identifier: ISC */
/*
 * Reads a command line three times: for the verb, which says what some options
 * mean; to take the options; and, when all is known, to see what does not fit
 * and to move the operands.
 */
#include "common/config/option.h"

#include "common/text/nearest.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { GROUPS = 8 }; /* of options that exclude each other */

struct scan {
	const struct option_table *table;
	void *target;
	char **word; /* the word under way */
	char *error;
	uint64_t verbs; /* that options have said, as bits */
	unsigned verb;
	bool finished; /* nothing else matters */
	bool in_order; /* the first operand ends the options */
	const struct option_row *group[GROUPS];
};

/* What a reading does with an option; of its rows, the first one. */
typedef int visit(
    struct scan *, const struct option_row *, const char *argument);

static int
use_row(struct scan *s, const struct option_row *row, const char *argument,
    visit *use)
{
	s->in_order = s->in_order && !row->ours;
	return use(s, row, argument);
}

int
option_fail(char error[CONFIG_ERROR], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, CONFIG_ERROR, fmt, ap);
	va_end(ap);
	return -1;
}

const char *
option_spelled(const struct option_row *row, char text[OPTION_SPELLED])
{
	if (row->name != NULL) {
		snprintf(text, OPTION_SPELLED, "--%s", row->name);
	} else {
		const char letters[] = { '-', row->letter, row->second, '\0' };
		strlcpy(text, letters, OPTION_SPELLED);
	}
	return text;
}

static bool
is_same(const struct option_row *a, const struct option_row *b)
{
	return a->name != NULL && b->name != NULL
	           ? strcmp(a->name, b->name) == 0
	           : a->letter != 0 && a->letter == b->letter &&
	                 a->second == b->second;
}

/* ---- the three readings ---- */

/* Another row for the same option, after this one; NULL: there is none. */
static const struct option_row *
next_row(const struct option_table *t, const struct option_row *row)
{
	const struct option_row *next = row;

	while (++next < t->rows + t->count) {
		if (is_same(row, next)) {
			return next;
		}
	}
	return NULL;
}

static int
fail_both(
    struct scan *s, const struct option_row *a, const struct option_row *b)
{
	char one[OPTION_SPELLED], other[OPTION_SPELLED];

	return option_fail(s->error, "%s and %s exclude each other",
	    option_spelled(a, one), option_spelled(b, other));
}

static int
note_verb(struct scan *s, const struct option_row *row, const char *argument)
{
	(void)argument;
	for (; row != NULL; row = next_row(s->table, row)) {
		if (row->verb == 0) {
			continue;
		}
		if (row->argument != NULL &&
		    (s->verbs & OPTION_WITH(row->verb)) != 0) {
			char text[OPTION_SPELLED];
			return option_fail(s->error, "%s is given twice",
			    option_spelled(row, text));
		}
		s->verbs |= OPTION_WITH(row->verb);
		s->finished = row->alone;
		s->verb = row->alone ? row->verb : s->verb;
	}
	return 0;
}

/* True if another verb that was said gives this one another meaning: --check
   after --dns is no verb. */
static bool
is_said_otherwise(const struct scan *s, const struct option_row *row)
{
	const struct option_table *t = s->table;

	for (size_t i = 0; i < t->count; i++) {
		if (t->rows[i].verb == 0 && is_same(&t->rows[i], row) &&
		    (t->rows[i].with & s->verbs) != 0) {
			return true;
		}
	}
	return false;
}

static int
find_verb(struct scan *s)
{
	const struct option_row *found = NULL;

	for (size_t i = 0; i < s->table->count; i++) {
		const struct option_row *row = &s->table->rows[i];
		if (row->verb == 0 ||
		    (s->verbs & OPTION_WITH(row->verb)) == 0 ||
		    is_said_otherwise(s, row)) {
			continue;
		}
		if (found != NULL) {
			return fail_both(s, found, row);
		}
		found = row;
	}
	s->verb = found != NULL ? found->verb : 0;
	return 0;
}

/* True if the option fits the verb; or, where no option has said one, some verb
   that none says: the table decides on that later. */
static bool
fits_verb(const struct scan *s, const struct option_row *row)
{
	const struct option_table *t = s->table;
	uint64_t said = 0;

	if (s->verb != 0) {
		return (row->with & OPTION_WITH(s->verb)) != 0;
	}
	for (size_t i = 0; i < t->count; i++) {
		said |= t->rows[i].verb != 0 ? OPTION_WITH(t->rows[i].verb) : 0;
	}
	return (row->with & ~said) != 0;
}

/* Of the rows for one option, the one that is meant with this verb. */
static const struct option_row *
meant(const struct scan *s, const struct option_row *row)
{
	for (const struct option_row *r = row; r != NULL;
	     r = next_row(s->table, r)) {
		if (r->verb != 0 ? r->verb == s->verb
				 : r->with == 0 || fits_verb(s, r)) {
			return r;
		}
	}
	return row;
}

static int
take(struct scan *s, const struct option_row *row, const char *argument)
{
	const bool yes = true;

	row = meant(s, row);
	char *at = s->target == NULL ? NULL : (char *)s->target + row->offset;
	switch (row->kind) {
	case OPTION_NOTHING:
		break;
	case OPTION_FLAG:
		memcpy(at, &yes, sizeof(yes));
		break;
	case OPTION_TEXT:
		memcpy(at, &argument, sizeof(argument));
		break;
	case OPTION_CALL:
		return row->take(s->target, row, argument, s->error);
	}
	return 0;
}

/* Says with which verbs an option fits, as far as options say them. */
static int
fail_misfit(struct scan *s, const struct option_row *row)
{
	char text[OPTION_SPELLED], verbs[CONFIG_ERROR / 2] = "";

	for (size_t i = 0; i < s->table->count; i++) {
		const struct option_row *verb = &s->table->rows[i];
		if (verb->verb != 0 &&
		    (row->with & OPTION_WITH(verb->verb)) != 0) {
			strlcat(verbs, verbs[0] == '\0' ? "" : " or ",
			    sizeof(verbs));
			strlcat(
			    verbs, option_spelled(verb, text), sizeof(verbs));
		}
	}
	return option_fail(s->error, "%s %s%s", option_spelled(row, text),
	    verbs[0] == '\0' ? "does not fit the other options"
			     : "has no effect without ",
	    verbs);
}

static int
check_fit(struct scan *s, const struct option_row *row, const char *argument)
{
	(void)argument;
	row = meant(s, row);
	if (row->with != 0 && (row->with & OPTION_WITH(s->verb)) == 0) {
		return fail_misfit(s, row);
	}
	if (row->one_of != 0) {
		const struct option_row **first = &s->group[row->one_of];
		if (*first != NULL && !is_same(*first, row)) {
			return fail_both(s, *first, row);
		}
		*first = row;
	}
	return 0;
}

/* ---- words ---- */

static int
needs_argument(const struct scan *s, const struct option_row *row)
{
	char text[OPTION_SPELLED];

	return option_fail(s->error, "option %s needs an argument: %s",
	    option_spelled(row, text), row->argument);
}

/* No option has that name; n: its octets, before a value. */
static int
unknown(const struct scan *s, const char *name, size_t n)
{
	const struct option_table *t = s->table;
	char cut[NEAREST_WORD + 2];
	struct nearest nearest = { .word = cut };
	const char *program = "";

	snprintf(cut, sizeof(cut), "%.*s", (int)n, name);
	for (size_t i = 0; i < t->count; i++) {
		if (t->rows[i].name != NULL) {
			nearest_offer(&nearest, t->rows[i].name);
		}
	}
	for (size_t i = 0; i < t->nothers; i++) {
		nearest_offer(&nearest, t->others[i]);
		program = nearest.best == t->others[i] ? t->other : program;
	}
	return option_fail(s->error, "unknown option --%.*s%s%s%s%s%s",
	    n > 100 ? 100 : (int)n, name,
	    nearest.best != NULL ? "; did you mean " : "", program,
	    nearest.best != NULL ? "--" : "",
	    nearest.best != NULL ? nearest.best : "",
	    nearest.best != NULL ? "?" : "");
}

static const struct option_row *
find_name(const struct option_table *t, const char *name, size_t n)
{
	for (size_t i = 0; i < t->count; i++) {
		const char *known = t->rows[i].name;
		if (known != NULL && strlen(known) == n &&
		    memcmp(known, name, n) == 0) {
			return &t->rows[i];
		}
	}
	return NULL;
}

static int
read_name(struct scan *s, const char *name, visit *use)
{
	size_t n = strcspn(name, "=");
	const struct option_row *row = find_name(s->table, name, n);
	const char *argument = name[n] == '=' ? name + n + 1 : NULL;

	if (row == NULL) {
		return unknown(s, name, n);
	}
	if (row->argument == NULL && argument != NULL) {
		return option_fail(
		    s->error, "option --%s takes no argument", row->name);
	}
	if (row->argument != NULL && argument == NULL) {
		if (s->word[1] == NULL) {
			return needs_argument(s, row);
		}
		argument = *++s->word;
	}
	if (row->kind == OPTION_TEXT && *argument == '\0') {
		return needs_argument(s, row);
	}
	return use_row(s, row, argument, use);
}

/* Two letters that belong together go before one. */
static const struct option_row *
find_letter(const struct option_table *t, const char *word)
{
	const struct option_row *found = NULL;

	for (size_t i = 0; i < t->count; i++) {
		const struct option_row *row = &t->rows[i];
		if (row->letter == 0 || row->letter != word[0]) {
			continue;
		}
		if (row->second != 0 && row->second == word[1]) {
			return row;
		}
		if (row->second == 0 && found == NULL) {
			found = row;
		}
	}
	return found;
}

/* A word after its one dash; its last letter may have an argument. */
static int
read_letters(struct scan *s, const char *word, visit *use)
{
	for (; *word != '\0'; word++) {
		const struct option_row *row = find_letter(s->table, word);
		if (row == NULL) {
			return option_fail(
			    s->error, "unknown option -%c", *word);
		}
		if (row->argument == NULL) {
			if (use_row(s, row, NULL, use) == -1) {
				return -1;
			}
			continue;
		}
		const char *rest = word + (row->second != 0 ? 2 : 1);
		if (*rest == '\0' && row->argument[0] != '[') {
			if (s->word[1] == NULL) {
				return needs_argument(s, row);
			}
			rest = *++s->word;
		}
		return use_row(s, row, rest, use);
	}
	return 0;
}

/* A name after one dash would be read as letters with arguments. */
static int
read_one_dash(struct scan *s, const char *word, visit *use)
{
	size_t n = strlen(word);

	if (!s->table->in_order && n >= 4 &&
	    find_name(s->table, word, n) != NULL) {
		return option_fail(s->error,
		    "unknown option -%s; did you mean --%s?", word, word);
	}
	return read_letters(s, word, use);
}

/*
 * Reads all words.  The operands are counted, and with `move` moved to the
 * front, where a reading has passed already.
 */
static int
read_words(struct scan *s, char **argv, visit *use, bool move, size_t *count)
{
	bool options = true;

	*count = 0;
	s->in_order = s->table->in_order;
	for (s->word = argv; *s->word != NULL; s->word++) {
		char *word = *s->word;
		if (!options || word[0] != '-' || word[1] == '\0') {
			options = options && !s->in_order;
			if (move) {
				argv[*count] = word;
			}
			++*count;
			continue;
		}
		if (strcmp(word, "--") == 0) {
			options = false;
			continue;
		}
		int result = word[1] == '-' ? read_name(s, word + 2, use)
		                            : read_one_dash(s, word + 1, use);
		if (result == -1 || s->finished) {
			return result;
		}
	}
	if (move) {
		argv[*count] = NULL;
	}
	return 0;
}

/* ---- all together ---- */

static int
check_operands(struct scan *s, char **operands, size_t count)
{
	const struct option_row *row = s->table->rows;
	char text[OPTION_SPELLED];

	while (row < s->table->rows + s->table->count &&
	       (row->verb == 0 || row->verb != s->verb)) {
		row++;
	}
	if (row == s->table->rows + s->table->count) {
		return 0; /* it was not an option that said what to do */
	}
	if (count < row->least) {
		return option_fail(s->error, "%s needs an argument: %s",
		    option_spelled(row, text), row->operands);
	}
	if (count > row->most) {
		return option_fail(s->error,
		    "\"%.100s\" is one argument too many: %s takes %s",
		    operands[row->most], option_spelled(row, text),
		    row->most > 0           ? row->operands
		    : row->argument != NULL ? row->argument
					    : "none");
	}
	return 0;
}

int
option_parse(const struct option_table *table, void *target, char **argv,
    unsigned *verb, char ***operands, char error[CONFIG_ERROR])
{
	struct scan s = { .table = table, .target = target, .error = error };
	size_t count;

	*operands = argv;
	if (read_words(&s, argv, note_verb, false, &count) == -1) {
		return -1;
	}
	if (s.finished) {
		*verb = s.verb;
		*argv = NULL;
		return 0;
	}
	if (find_verb(&s) == -1 ||
	    read_words(&s, argv, take, false, &count) == -1 ||
	    (table->decide != NULL &&
		table->decide(target, &s.verb, count > 0, error) == -1) ||
	    read_words(&s, argv, check_fit, true, &count) == -1) {
		return -1;
	}
	*verb = s.verb;
	return check_operands(&s, argv, count);
}
