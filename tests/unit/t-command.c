/* SPDX-License-Identifier: ISC */
/*
 * The dispatcher: a command that the table forbids in a state never runs, and
 * an argument reaches its function octet for octet (passwords have blanks).
 */
#include "common/session/command.h"

#include "tests/unit/tap.h"

#include <string.h>

enum { EARLY = 1, LATE = 2, NEVER = 4 };

/* What a test's session remembers: which function ran, with what. */
struct session {
	const char *ran;
	char argument[64];
	const struct command *row;
};

static enum next
ran(struct session *s, const char *name, const char *argument)
{
	s->ran = name;
	strncpy(s->argument, argument, sizeof(s->argument) - 1);
	return NEXT_COMMAND;
}

static enum next
run_none(struct session *s, char *argument)
{
	return ran(s, "none", argument);
}

static enum next
run_optional(struct session *s, char *argument)
{
	return ran(s, "optional", argument);
}

static enum next
run_required(struct session *s, char *argument)
{
	return ran(s, "required", argument);
}

static enum next
run_end(struct session *s, char *argument)
{
	ran(s, "end", argument);
	return NEXT_END;
}

static const struct command table[] = {
	{ "NONE", EARLY | LATE, ARG_NONE, run_none },
	{ "OPTIONAL", EARLY | LATE, ARG_OPTIONAL, run_optional },
	{ "REQUIRED", LATE, ARG_REQUIRED, run_required },
	{ "END", EARLY, ARG_NONE, run_end },
	{ NULL, 0, ARG_NONE, NULL },
};

static enum next
refuse(struct session *s, const struct command *row, enum refusal why)
{
	static const char *const names[] = { "unknown", "state",
		"bad argument" };

	s->ran = names[why];
	s->row = row;
	return NEXT_COMMAND;
}

static const struct {
	const char *line;
	unsigned state;
	const char *ran, *argument;
} cases[] = {
	{ "NONE", EARLY, "none", "" },
	{ "none", EARLY, "none", "" },
	{ "nOnE", LATE, "none", "" },
	{ "NONE ", EARLY, "none", "" },
	{ "NONE\t", EARLY, "none", "" },
	{ "NONE x", EARLY, "bad argument", "" },
	{ "NONE  ", EARLY, "bad argument", "" },
	{ "NONEX", EARLY, "unknown", "" },
	{ "NON", EARLY, "unknown", "" },
	{ "", EARLY, "unknown", "" },
	{ " ", EARLY, "unknown", "" },
	{ " NONE", EARLY, "unknown", "" },
	{ "NONE:", EARLY, "unknown", "" },
	{ "NONE\x01", EARLY, "unknown", "" },
	{ "\xffNONE", EARLY, "unknown", "" },
	{ "NONE", NEVER, "state", "" },
	{ "NONE", 0, "state", "" },
	{ "NONE x", NEVER, "state", "" },
	{ "OPTIONAL", EARLY, "optional", "" },
	{ "OPTIONAL x", EARLY, "optional", "x" },
	{ "OPTIONAL\tx", EARLY, "optional", "x" },
	{ "OPTIONAL  x ", EARLY, "optional", " x " },
	{ "OPTIONAL a b\tc", EARLY, "optional", "a b\tc" },
	{ "REQUIRED x", LATE, "required", "x" },
	{ "required  two  blanks ", LATE, "required", " two  blanks " },
	{ "REQUIRED x", LATE | EARLY, "required", "x" },
	{ "REQUIRED", LATE, "bad argument", "" },
	{ "REQUIRED ", LATE, "bad argument", "" },
	{ "REQUIRED x", EARLY, "state", "" },
	{ "REQUIRED", EARLY, "state", "" },
	{ "END", EARLY, "end", "" },
	{ "END", LATE, "state", "" },
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct session s = { .ran = "nothing" };
		char line[64];
		strncpy(line, cases[i].line, sizeof(line) - 1);
		line[sizeof(line) - 1] = '\0';
		enum next next =
		    command_run(table, cases[i].state, &s, line, refuse);
		bool unknown = strcmp(cases[i].ran, "unknown") == 0;
		bool refused = unknown || strcmp(cases[i].ran, "state") == 0 ||
		               strcmp(cases[i].ran, "bad argument") == 0;
		ok(strcmp(s.ran, cases[i].ran) == 0 &&
			strcmp(s.argument, cases[i].argument) == 0 &&
			(s.row != NULL) == (refused && !unknown) &&
			(next == NEXT_END) == (strcmp(s.ran, "end") == 0),
		    "\"%s\" in state %u: %s", cases[i].line, cases[i].state,
		    cases[i].ran);
	}
	return tap_done();
}
