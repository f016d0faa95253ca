/* SPDX-License-Identifier: ISC */
/*
 * The command line.  Called as sendmail, the first recipient ends the options,
 * as with other programs of that name: scripts put addresses there that begin
 * with a dash, and not all of them write "--" before.
 */
#include "smtpd/options.h"

#include "smtpd/options_private.h"

#include <string.h>

static void
program_name(struct options *o, const char *name)
{
	static const struct {
		const char *name;
		enum action action;
	} names[] = {
		{ "sendmail", ACTION_SUBMIT },
		{ "mailq", ACTION_MAILQ },
		{ "newaliases", ACTION_NEWALIASES },
		{ "runq", ACTION_QUEUE },
	};
	const char *slash = name == NULL ? NULL : strrchr(name, '/');

	name = slash != NULL ? slash + 1 : name;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (name != NULL && strcmp(name, names[i].name) == 0) {
			o->action = names[i].action;
			o->run.deferred = o->action == ACTION_QUEUE;
		}
	}
}

/* Checks that the options of a notice fit together. */
static int
check_notice(const struct options *o, bool recipients, char error[CONFIG_ERROR])
{
	if (o->from_headers) {
		return option_fail(error,
		    "-s composes the header, which has no recipients for -t");
	}
	if (!recipients) {
		return option_fail(
		    error, "no recipient: name one beside the options");
	}
	if (o->notice.period > 0 && o->notice.key == NULL) {
		return option_fail(
		    error, "--every has no effect without --dedupe");
	}
	return 0;
}

/* With a sender or recipients there is a message to send. */
static bool
is_message(const struct options *o, bool operands)
{
	return operands || o->from_headers || o->from != NULL ||
	       o->dot_is_text || o->notice.wanted;
}

int
options_decide(
    void *target, unsigned *verb, bool operands, char error[CONFIG_ERROR])
{
	struct options *o = target;

	if (*verb != 0 && o->mode != 0) {
		return option_fail(error,
		    "one thing at a time: another option says what to do "
		    "beside -%c",
		    o->mode);
	}
	if (*verb == ACTION_STATS && o->letter.names &&
	    o->letter.page == NULL) {
		return option_fail(error, "--names is for --html");
	}
	if (*verb != 0) {
		return 0;
	}
	if (o->launch.nlisten > 0 && o->action == ACTION_SUBMIT) {
		o->action = ACTION_SERVE;
	}
	if (o->action == ACTION_SERVE && !o->launch.local &&
	    o->launch.nlisten == 0 && is_message(o, operands)) {
		o->action = ACTION_SUBMIT;
	}
	if (o->action == ACTION_SERVE && operands) {
		return option_fail(error, "a server takes no recipients");
	}
	*verb = o->action;
	return o->action == ACTION_SUBMIT && o->notice.wanted
	           ? check_notice(o, operands, error)
	           : 0;
}

int
options_parse(
    struct options *o, int argc, char **argv, char error[CONFIG_ERROR])
{
	static const struct role_name roles[] = { { "mx", ROLE_MX },
		{ "submission", ROLE_SUBMISSION }, { NULL, ROLE_MX } };
	struct option_table table = options_table;
	unsigned verb;

	memset(o, 0, sizeof(*o));
	o->launch.roles = roles;
	o->passwd.terms.smtp = o->passwd.terms.pop3 = true;
	if (argc == 0) {
		return option_fail(error, "no name of the program given");
	}
	program_name(o, argv[0]);
	table.in_order = o->action == ACTION_SUBMIT;
	if (option_parse(&table, o, argv + 1, &verb, &o->recipients, error) ==
	    -1) {
		return -1;
	}
	o->action = (enum action)verb;
	return 0;
}

void
options_help(void)
{
	option_help(&options_table);
}
