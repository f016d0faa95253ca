/* SPDX-License-Identifier: ISC */
/*
 * Parses the command line by hand, because sendmail's has options that no
 * getopt knows: words after one dash (-bs, -oi), arguments attached or apart,
 * and a name of the program that chooses what it does.
 */
#include "smtpd/options.h"

#include "smtpd/options_private.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

int
options_fail(const struct command_line *p, const char *what, const char *word)
{
	snprintf(p->error, CONFIG_ERROR, "%s %s", what, word);
	return -1;
}

static int
needs_argument(const struct command_line *p, const char *option)
{
	snprintf(p->error, CONFIG_ERROR, "option %s needs an argument", option);
	return -1;
}

/* The argument of the option in *argv: attached from rest on, or else the next
   word; NULL if there is none. */
static const char *
take_argument(struct command_line *p, const char *rest)
{
	if (*rest != '\0') {
		return rest;
	}
	if (p->argv[1] == NULL) {
		return NULL;
	}
	return *++p->argv;
}

/*
 * ---- options of one letter ----
 *
 * Our few, and those of all sendmail commands, as a table of what each takes.
 * Scripts give any of them; those that ask for nothing that we do are skipped,
 * with their arguments.
 */

/* -b: what to do. */
static int
mode_option(struct command_line *p, const char *name)
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

	if (*name == 'd' || *name == 'D') {
		return options_fail(p,
		    "there is no daemon mode: enable "
		    "restante-smtp.socket, or use -l instead of",
		    *p->argv);
	}
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (modes[i].letter == *name) {
			p->o->action = modes[i].action;
			p->o->launch.local = *name == 's';
			return 0;
		}
	}
	return options_fail(p, "unknown mode", *p->argv);
}

static int
listen_option(struct command_line *p, const char *spec)
{
	struct launch *l = &p->o->launch;

	if (l->nlisten == LAUNCH_LISTENERS) {
		return options_fail(p, "too many sockets from", spec);
	}
	l->listen[l->nlisten++] = spec;
	return 0;
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

/*
 * -q: run the queue; a letter after it says which part.  With an interval
 * sendmail stays as a daemon; here a timer runs the command again.
 */
static int
queue_option(struct command_line *p, const char *rest)
{
	struct queue_run *run = &p->o->run;
	const char *text;

	p->o->action = ACTION_QUEUE;
	run->deferred = true;
	if (strcmp(rest, "f") == 0) {
		run->force = true;
		return 0;
	}
	if (*rest != 'I' && *rest != 'R' && *rest != 'S') {
		return is_interval(rest)
		           ? 0
		           : options_fail(p,
				 "-q takes an interval, f, I or R, not", rest);
	}
	text = take_argument(p, rest + 1);
	if (text == NULL || *text == '\0') {
		return needs_argument(p, *p->argv);
	}
	if (*rest == 'I') {
		run->id = text;
	} else if (*rest == 'R') {
		run->match = text;
	} /* S, by sender: all that is due, since nothing selects it */
	return 0;
}

static int
dot_option(struct command_line *p, const char *set)
{
	p->o->dot_is_text = p->o->dot_is_text || *set == 'i';
	return 0;
}

static int
body_option(struct command_line *p, const char *type)
{
	/* For a type that we do not know, the message is looked at. */
	p->o->seven_bit = strcasecmp(type, "7BIT") == 0;
	return 0;
}

static int
config_option(struct command_line *p, const char *file)
{
	p->o->config = file;
	return 0;
}

static int
from_option(struct command_line *p, const char *address)
{
	p->o->from = address;
	return 0;
}

static int
name_option(struct command_line *p, const char *name)
{
	p->o->full_name = name;
	return 0;
}

static int
subject_option(struct command_line *p, const char *subject)
{
	return notice_option(&p->o->notice, "s", subject, p->error);
}

static int
attach_option(struct command_line *p, const char *file)
{
	return notice_option(&p->o->notice, "a", file, p->error);
}

/* Letters with an argument, and what is done with it: NULL, nothing. */
static const struct {
	char letter;
	int (*take)(struct command_line *, const char *);
} with_argument[] = {
	{ 'B', body_option },
	{ 'F', name_option },
	{ 'N', options_notify },
	{ 'R', options_return },
	{ 'V', options_envid },
	{ 'a', attach_option },
	{ 'b', mode_option },
	{ 'c', config_option },
	{ 'f', from_option },
	{ 'l', listen_option },
	{ 'o', dot_option },
	{ 'r', from_option },
	{ 's', subject_option },
	{ 'A', NULL },
	{ 'C', NULL },
	{ 'D', NULL },
	{ 'L', NULL },
	{ 'M', NULL },
	{ 'O', NULL },
	{ 'X', NULL }, /* no file is ever written for it */
	{ 'e', NULL },
	{ 'h', NULL },
	{ 'p', NULL },
};

/* Takes a letter with an argument.  0 or -1; 1: it is not one of those. */
static int
letter_with_argument(struct command_line *p, const char *letter)
{
	for (size_t i = 0; i < sizeof(with_argument) / sizeof(with_argument[0]);
	     i++) {
		if (with_argument[i].letter != *letter) {
			continue;
		}
		const char word[] = { '-', *letter, '\0' };
		const char *argument = take_argument(p, letter + 1);
		if (argument == NULL) {
			return needs_argument(p, word);
		}
		return with_argument[i].take == NULL
		           ? 0
		           : with_argument[i].take(p, argument);
	}
	return 1;
}

/* A word after its one dash; its last letter may have an argument. */
static int
parse_letters(struct command_line *p, const char *word)
{
	/* Letters without an argument, and with an attached one. */
	static const char flags[] = "GUmnvx", attached[] = "EJQd";

	for (; *word != '\0'; word++) {
		int done = letter_with_argument(p, word);
		if (done <= 0) {
			return done;
		}
		switch (*word) {
		case 'q':
			return queue_option(p, word + 1);
		case 'I':
			p->o->action = ACTION_NEWALIASES;
			break;
		case 'i':
			p->o->dot_is_text = true;
			break;
		case 't':
			p->o->from_headers = true;
			break;
		case 'j':
			p->o->json = true;
			break;
		default:
			if (strchr(attached, *word) != NULL) {
				return 0;
			}
			if (strchr(flags, *word) == NULL) {
				return options_fail(
				    p, "unknown option", *p->argv);
			}
		}
	}
	return 0;
}

/* ---- options of two dashes ---- */

static int
role_option(struct command_line *p, const char *name)
{
	if (name == NULL) {
		return needs_argument(p, "--role");
	}
	p->o->launch.has_role = true;
	if (strcmp(name, "submission") == 0) {
		p->o->launch.role = ROLE_SUBMISSION;
		return 0;
	}
	if (strcmp(name, "mx") == 0) {
		p->o->launch.role = ROLE_MX;
		return 0;
	}
	return options_fail(p, "--role takes mx or submission, not", name);
}

/* A verb for messages of the queue, which are the operands. */
static bool
queue_verb(struct options *o, const char *name)
{
	static const char *const verbs[] = {
		[MANAGE_HOLD] = "hold",
		[MANAGE_RELEASE] = "release",
		[MANAGE_REMOVE] = "remove",
		[MANAGE_BOUNCE] = "bounce",
		[MANAGE_SHOW] = "show",
	};

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(name, verbs[i]) == 0) {
			o->action = ACTION_MANAGE;
			o->verb = (enum manage_verb)i;
			return true;
		}
	}
	return false;
}

/* Verbs about the DNS, and their options; false: it is none of these. */
static bool
dns_option(struct command_line *p, const char *name)
{
	struct options *o = p->o;

	if (strcmp(name, "dkim") == 0) {
		o->action = ACTION_DKIM;
		o->dkim = take_argument(p, "");
	} else if (strcmp(name, "rotate") == 0 && o->action == ACTION_DKIM) {
		o->rotate = true;
	} else if (strcmp(name, "dns") == 0) {
		o->action = ACTION_DNS;
		o->dkim = p->argv[1] != NULL && p->argv[1][0] != '-'
		              ? take_argument(p, "")
		              : NULL;
	} else if (strcmp(name, "web") == 0 && o->action == ACTION_DNS) {
		o->zone = ZONE_WEB;
	} else if (strcmp(name, "check") == 0 && o->action == ACTION_DNS) {
		o->zone = ZONE_CHECK;
	} else {
		return false;
	}
	return true;
}

/* An option that is an action, and takes nothing. */
static bool
plain_action(struct options *o, const char *name)
{
	static const struct {
		const char *name;
		enum action action;
	} actions[] = { { "users", ACTION_USERS }, { "check", ACTION_CHECK },
		{ "stats", ACTION_STATS }, { "penalties", ACTION_PENALTIES },
		{ "version", ACTION_VERSION }, { "help", ACTION_HELP } };

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(name, actions[i].name) == 0) {
			o->action = actions[i].action;
			return true;
		}
	}
	return false;
}

static int
setup_words(struct command_line *p)
{
	p->o->action = ACTION_SETUP;
	if (p->argv[1] != NULL && p->argv[1][0] != '-') {
		p->o->setup.address = *++p->argv;
	}
	return 0;
}

static int
long_option(struct command_line *p, const char *name)
{
	struct options *o = p->o;

	if (strcmp(name, "passwd") == 0) {
		const char *user = take_argument(p, "");
		o->action = ACTION_PASSWD;
		passwd_init(&o->passwd, user);
		return user == NULL ? needs_argument(p, "--passwd") : 0;
	}
	/* Before the verbs of the queue, which have a --remove, too. */
	if (o->action == ACTION_PASSWD && passwd_has(name)) {
		return passwd_option(&o->passwd, name,
		    passwd_wants(name) ? take_argument(p, "") : NULL, p->error);
	}
	if (o->action == ACTION_SETUP && setup_has(name)) {
		return setup_option(&o->setup, name,
		    setup_wants(name) ? take_argument(p, "") : NULL, p->error);
	}
	if (strcmp(name, "setup") == 0) {
		return setup_words(p);
	}
	if (strcmp(name, "role") == 0) {
		return role_option(p, take_argument(p, ""));
	}
	if (strcmp(name, "forgive") == 0) {
		o->action = ACTION_FORGIVE;
		o->forgiven = take_argument(p, "");
		return o->forgiven == NULL ? needs_argument(p, "--forgive") : 0;
	}
	if (dns_option(p, name)) {
		return o->action == ACTION_DKIM && o->dkim == NULL
		           ? needs_argument(p, "--dkim")
		           : 0;
	}
	if (queue_verb(o, name) || plain_action(o, name)) {
		return 0;
	}
	if (strlen(name) > 1 && notice_has(name)) {
		return notice_option(
		    &o->notice, name, take_argument(p, ""), p->error);
	}
	if (strcmp(name, "implicit-tls") == 0) {
		o->launch.implicit_tls = true;
	} else if (strcmp(name, "json") == 0) {
		o->json = true;
	} else if (strcmp(name, "prometheus") == 0) {
		o->stats = STATS_PROMETHEUS;
	} else {
		return options_fail(p, "unknown option", *p->argv);
	}
	return 0;
}

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
check_notice(const struct command_line *p)
{
	const struct options *o = p->o;

	if (o->from_headers) {
		return options_fail(p,
		    "-s composes the header, which has "
		    "no recipients for",
		    "-t");
	}
	if (o->recipients[0] == NULL) {
		return options_fail(
		    p, "no recipient: name one after the", "options");
	}
	if (o->notice.period > 0 && o->notice.key == NULL) {
		return options_fail(
		    p, "--every has no effect without", "--dedupe");
	}
	return 0;
}

int
options_parse(
    struct options *o, int argc, char **argv, char error[CONFIG_ERROR])
{
	struct command_line p = { .o = o, .argv = argv, .error = error };

	memset(o, 0, sizeof(*o));
	if (argc == 0) {
		return options_fail(&p, "no name of the program", "given");
	}
	program_name(o, argv[0]);
	for (p.argv++; *p.argv != NULL; p.argv++) {
		char *word = *p.argv;
		if (word[0] != '-' || word[1] == '\0') {
			break;
		}
		if (strcmp(word, "--") == 0) {
			p.argv++;
			break;
		}
		if ((word[1] == '-' ? long_option(&p, word + 2)
				    : parse_letters(&p, word + 1)) == -1) {
			return -1;
		}
	}
	o->recipients = p.argv;
	if (o->action == ACTION_SETUP && *p.argv != NULL) {
		if (o->setup.address != NULL || p.argv[1] != NULL) {
			return options_fail(
			    &p, "one address is enough:", *p.argv);
		}
		o->setup.address = *p.argv;
	}
	if (o->launch.nlisten > 0 && o->action == ACTION_SUBMIT) {
		o->action = ACTION_SERVE;
	}
	/* With a sender or recipients there is a message to send. */
	if (o->action == ACTION_SERVE && !o->launch.local &&
	    o->launch.nlisten == 0 &&
	    (*p.argv != NULL || o->from_headers || o->from != NULL ||
		o->dot_is_text || o->notice.wanted)) {
		o->action = ACTION_SUBMIT;
	}
	return o->action == ACTION_SUBMIT && o->notice.wanted ? check_notice(&p)
	                                                      : 0;
}
