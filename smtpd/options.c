/* SPDX-License-Identifier: ISC */
/*
 * Parses the command line by hand, because sendmail's has options that no
 * getopt knows: words behind one dash (-bs, -oi), arguments attached or apart,
 * and a name of the program that chooses what it does.
 */
#include "smtpd/options.h"

#include <stdio.h>
#include <string.h>

const char options_usage[] =
    "usage: smtpd [-c FILE] [-l ADDRESS:PORT[/tls][=mx|submission]] ...\n"
    "       smtpd [-c FILE] --passwd NAME [--cram-md5]\n"
    "       smtpd [-c FILE] --check\n"
    "       smtpd [-c FILE] -q[TIME|f|I ID|R TEXT]\n"
    "       mailq [-c FILE] [-j]\n"
    "       smtpd [-c FILE] --hold|--release|--remove|--bounce ID ...|all\n"
    "       smtpd [-c FILE] --show ID ...\n"
    "       smtpd [-i] [-f FROM] ADDRESS ... <message\n"
    "       smtpd [-c FILE] [-f FROM] -bt ADDRESS ...\n"
    "See smtpd(8).\n";

struct parser {
	struct options *o;
	char **argv; /* the next word */
	char *error;
};

static int
fail(const struct parser *p, const char *what, const char *word)
{
	snprintf(p->error, CONFIG_ERROR, "%s %s", what, word);
	return -1;
}

/* The argument of the option in *argv: attached from rest on, or apart. */
static const char *
argument(struct parser *p, const char *rest)
{
	if (*rest != '\0') {
		return rest;
	}
	if (p->argv[1] == NULL) {
		return NULL;
	}
	return *++p->argv;
}

static int
role(struct parser *p, const char *name)
{
	p->o->launch.has_role = true;
	if (name != NULL && strcmp(name, "submission") == 0) {
		p->o->launch.role = ROLE_SUBMISSION;
		return 0;
	}
	if (name != NULL && strcmp(name, "mx") == 0) {
		p->o->launch.role = ROLE_MX;
		return 0;
	}
	return fail(p, "--role takes mx or submission, not",
	    name == NULL ? "nothing" : name);
}

/* What is done with messages of the queue, which are the operands. */
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

static int
long_option(struct parser *p, const char *name)
{
	struct options *o = p->o;

	if (strcmp(name, "passwd") == 0) {
		o->action = ACTION_PASSWD;
		o->user = argument(p, "");
		return o->user == NULL
		           ? fail(p, "a name is missing behind", "--passwd")
		           : 0;
	}
	if (strcmp(name, "role") == 0) {
		return role(p, argument(p, ""));
	}
	if (queue_verb(o, name)) {
		return 0;
	}
	if (strcmp(name, "cram-md5") == 0) {
		o->cram_md5 = true;
	} else if (strcmp(name, "implicit-tls") == 0) {
		o->launch.implicit_tls = true;
	} else if (strcmp(name, "check") == 0) {
		o->action = ACTION_CHECK;
	} else if (strcmp(name, "version") == 0) {
		o->action = ACTION_VERSION;
	} else if (strcmp(name, "help") == 0) {
		o->action = ACTION_HELP;
	} else {
		return fail(p, "unknown option", *p->argv);
	}
	return 0;
}

/* -b: what to do. */
static int
mode(struct parser *p, const char *name)
{
	struct options *o = p->o;

	switch (name == NULL ? '\0' : *name) {
	case 's':
		o->action = ACTION_SERVE;
		o->launch.local = true;
		return 0;
	case 'p':
		o->action = ACTION_MAILQ;
		return 0;
	case 'i':
		o->action = ACTION_NEWALIASES;
		return 0;
	case 't':
		o->action = ACTION_EXPLAIN;
		return 0;
	case 'm':
		return 0;
	case 'd':
	case 'D':
		return fail(p,
		    "nothing runs for ever here: enable "
		    "restante-smtp.socket, or use -l instead of",
		    *p->argv);
	default:
		return fail(p, "unknown mode", *p->argv);
	}
}

static int
listen_option(struct parser *p, const char *spec)
{
	struct launch *l = &p->o->launch;

	if (spec == NULL) {
		return fail(p, "an address is missing behind", "-l");
	}
	if (l->nlisten == LAUNCH_LISTENERS) {
		return fail(p, "too many sockets from", spec);
	}
	l->listen[l->nlisten++] = spec;
	return 0;
}

/* One word that starts with a dash, possibly several flags in it. */
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
 * -q: run the queue; what is behind it says which part.  An interval is what
 * would make a daemon of sendmail; here a timer comes back and says it again.
 */
static int
queue_option(struct parser *p, const char *rest)
{
	struct run *run = &p->o->run;
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
		           : fail(p, "-q takes an interval, f, I or R, not",
				 rest);
	}
	text = argument(p, rest + 1);
	if (text == NULL || *text == '\0') {
		return fail(p, "something is missing behind", *p->argv);
	}
	if (*rest == 'I') {
		run->id = text;
	} else if (*rest == 'R') {
		run->match = text;
	} /* by sender: everything that is due, its mail among it */
	return 0;
}

static int
short_options(struct parser *p, const char *word)
{
	/* Options of other sendmails: with an argument, and without. */
	static const char ignored_with[] = "BCDFLMNORVXdhopr";
	static const char ignored[] = "AEGIJUemnvx";
	struct options *o = p->o;

	for (; *word != '\0'; word++) {
		switch (*word) {
		case 'c':
			o->config = argument(p, word + 1);
			return o->config == NULL
			           ? fail(p, "a file is missing behind", "-c")
			           : 0;
		case 'l':
			return listen_option(p, argument(p, word + 1));
		case 'b':
			return mode(p, argument(p, word + 1));
		case 'f':
		case 'r':
			o->from = argument(p, word + 1);
			return o->from == NULL
			           ? fail(p, "an address is missing behind",
					 *p->argv)
			           : 0;
		case 'q':
			return queue_option(p, word + 1);
		case 'o':
			o->dot_is_text = o->dot_is_text || word[1] == 'i';
			(void)argument(p, word + 1);
			return 0;
		case 'i':
			o->dot_is_text = true;
			break;
		case 't':
			o->from_headers = true;
			break;
		case 'j':
			o->json = true;
			break;
		default:
			if (strchr(ignored_with, *word) != NULL) {
				(void)argument(p, word + 1);
				return 0;
			}
			if (strchr(ignored, *word) == NULL) {
				return fail(p, "unknown option", *p->argv);
			}
		}
	}
	return 0;
}

static void
program_name(struct options *o, const char *name)
{
	const char *slash = name == NULL ? NULL : strrchr(name, '/');

	name = slash != NULL ? slash + 1 : name;
	if (name != NULL && strcmp(name, "mailq") == 0) {
		o->action = ACTION_MAILQ;
	} else if (name != NULL && strcmp(name, "newaliases") == 0) {
		o->action = ACTION_NEWALIASES;
	}
}

int
options_parse(
    struct options *o, int argc, char **argv, char error[CONFIG_ERROR])
{
	struct parser p = { .o = o, .argv = argv, .error = error };

	memset(o, 0, sizeof(*o));
	if (argc == 0) {
		return fail(&p, "no name of the program", "given");
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
				    : short_options(&p, word + 1)) == -1) {
			return -1;
		}
	}
	o->recipients = p.argv;
	/* Whoever names a sender or recipients has a message to send. */
	if (o->action == ACTION_SERVE && !o->launch.local &&
	    o->launch.nlisten == 0 &&
	    (*p.argv != NULL || o->from_headers || o->from != NULL ||
		o->dot_is_text)) {
		o->action = ACTION_SUBMIT;
	}
	return 0;
}
