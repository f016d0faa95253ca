/* SPDX-License-Identifier: ISC */
/* Options of all sendmail commands. */
#include "smtpd/options_private.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

int
options_mode(void *target, const struct option_row *row, const char *mode,
    char error[CONFIG_ERROR])
{
	static const struct {
		char letter;
		enum action action;
	} modes[] = {
		{ 's', ACTION_SERVE },
		{ 'p', ACTION_MAILQ },
		{ 'i', ACTION_NEWALIASES },
		{ 't', ACTION_EXPLAIN },
		{ 'v', ACTION_VERIFY },
		{ 'm', ACTION_SUBMIT },
		{ 'a', ACTION_SUBMIT },
		/* The host status, which is not kept here. */
		{ 'h', ACTION_NOTHING },
		{ 'H', ACTION_NOTHING },
	};
	struct options *o = target;

	if (*mode == 'd' || *mode == 'D') {
		return option_fail(error,
		    "there is no daemon mode: enable "
		    "restante-smtp.socket, or use -l instead of -b%.200s",
		    mode);
	}
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (modes[i].letter == *mode) {
			o->action = modes[i].action;
			o->mode = row->letter;
			o->launch.local = *mode == 's';
			return 0;
		}
	}
	return option_fail(error, "unknown mode -b%.200s", mode);
}

/* Numbers with units, as sendmail has them: 5m, 1h30m, 30. */
static bool
is_interval(const char *text)
{
	while (*text != '\0') {
		size_t digits = strspn(text, "0123456789");
		text += digits;
		size_t units = strspn(text, "smhdw");
		if (digits == 0 || units > 1 || (units == 0 && *text != '\0')) {
			return false;
		}
		text += units;
	}
	return true;
}

static void
run_queue(struct options *o, const struct option_row *row)
{
	o->action = ACTION_QUEUE;
	o->mode = row->letter;
	o->run.deferred = true;
}

/* With an interval sendmail stays as a daemon; here a timer runs the command
   again. */
int
options_queue(void *target, const struct option_row *row, const char *rest,
    char error[CONFIG_ERROR])
{
	struct options *o = target;

	run_queue(o, row);
	o->run.force = o->run.force || strcmp(rest, "f") == 0;
	return strcmp(rest, "f") == 0 || is_interval(rest)
	           ? 0
	           : option_fail(error,
			 "-q takes an interval, f, I or R, not %.200s", rest);
}

int
options_queue_part(void *target, const struct option_row *row, const char *text,
    char error[CONFIG_ERROR])
{
	struct options *o = target;

	run_queue(o, row);
	if (*text == '\0') {
		return option_fail(error, "-q%c takes %s, not an empty word",
		    row->second, row->argument);
	}
	if (row->second == 'I') {
		o->run.id = text;
	} else if (row->second == 'R') {
		o->run.match = text;
	} /* S, by sender: all that is due, since nothing selects it */
	return 0;
}

int
options_newaliases(void *target, const struct option_row *row,
    const char *argument, char error[CONFIG_ERROR])
{
	struct options *o = target;

	(void)argument;
	(void)error;
	o->action = ACTION_NEWALIASES;
	o->mode = row->letter;
	return 0;
}

int
options_dot(void *target, const struct option_row *row, const char *set,
    char error[CONFIG_ERROR])
{
	struct options *o = target;

	(void)row;
	(void)error;
	o->dot_is_text = o->dot_is_text || *set == 'i';
	return 0;
}

int
options_body(void *target, const struct option_row *row, const char *type,
    char error[CONFIG_ERROR])
{
	struct options *o = target;

	(void)row;
	(void)error;
	/* For a type that we do not know, the message is looked at. */
	o->seven_bit = strcasecmp(type, "7BIT") == 0;
	return 0;
}
