/* SPDX-License-Identifier: ISC */
/*
 * Parses the command line by hand, because sendmail's has options that no
 * getopt knows: words behind one dash (-bs, -oi), arguments attached or apart,
 * and a name of the program that chooses what it does.  Letters are in
 * options_letters.c.
 */
#include "smtpd/options.h"

#include "smtpd/options_parser.h"

#include <stdio.h>
#include <string.h>

const char options_usage[] =
    "usage: smtpd [-c FILE] [--role mx|submission] [--implicit-tls]\n"
    "             [-l ADDRESS:PORT[/tls][=mx|submission]] ...\n"
    "       smtpd [-c FILE] --passwd NAME [--label LABEL] [--for PROTOCOL]\n"
    "             [--until DAY] [--generate] [--cram-md5] [--scram-sha-1]\n"
    "             [--credential CREDENTIAL]\n"
    "       smtpd [-c FILE] --passwd NAME [--label LABEL] --remove\n"
    "       smtpd [-c FILE] --users\n"
    "       smtpd [-c FILE] --check\n"
    "       smtpd [-c FILE] --stats [--json | --prometheus]\n"
    "       smtpd [-c FILE] --penalties\n"
    "       smtpd [-c FILE] --forgive ADDRESS|all\n"
    "       smtpd [-c FILE] -q[TIME|f|I ID|R TEXT]\n"
    "       mailq [-c FILE] [-j]\n"
    "       smtpd [-c FILE] --hold|--release|--remove|--bounce ID ...|all\n"
    "       smtpd [-c FILE] --show ID ...\n"
    "       smtpd [-it] [-f FROM] [-F NAME] [ADDRESS ...] <message\n"
    "       smtpd -s SUBJECT [-a FILE] ... [--inline FILE] ... [--html FILE]\n"
    "             [--dedupe KEY [--every TIME]] ADDRESS ... <text\n"
    "       smtpd [-c FILE] -bi|-bp|-bs\n"
    "       smtpd [-c FILE] [-f FROM] -bt|-bv ADDRESS ...\n"
    "       smtpd --version | --help\n"
    "See smtpd(8).\n";

static int
role(struct options_parser *p, const char *name)
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
	return options_fail(p, "--role takes mx or submission, not",
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
long_option(struct options_parser *p, const char *name)
{
	struct options *o = p->o;

	if (strcmp(name, "passwd") == 0) {
		const char *user = options_argument(p, "");
		o->action = ACTION_PASSWD;
		passwd_init(&o->passwd, user);
		return user == NULL
		           ? options_fail(
				 p, "a name is missing behind", "--passwd")
		           : 0;
	}
	/* Before those of the queue, of which --remove is one, too. */
	if (o->action == ACTION_PASSWD && passwd_has(name)) {
		return passwd_option(&o->passwd, name,
		    passwd_wants(name) ? options_argument(p, "") : NULL,
		    p->error);
	}
	if (strcmp(name, "role") == 0) {
		return role(p, options_argument(p, ""));
	}
	if (strcmp(name, "forgive") == 0) {
		o->action = ACTION_FORGIVE;
		o->whom = options_argument(p, "");
		return o->whom == NULL
		           ? options_fail(
				 p, "an address is missing behind", "--forgive")
		           : 0;
	}
	if (queue_verb(o, name)) {
		return 0;
	}
	if (strlen(name) > 1 && notice_has(name)) {
		return notice_option(
		    &o->notice, name, options_argument(p, ""), p->error);
	}
	if (strcmp(name, "implicit-tls") == 0) {
		o->launch.implicit_tls = true;
	} else if (strcmp(name, "users") == 0) {
		o->action = ACTION_USERS;
	} else if (strcmp(name, "check") == 0) {
		o->action = ACTION_CHECK;
	} else if (strcmp(name, "stats") == 0) {
		o->action = ACTION_STATS;
	} else if (strcmp(name, "json") == 0) {
		o->json = true;
	} else if (strcmp(name, "prometheus") == 0) {
		o->stats = STATS_PROMETHEUS;
	} else if (strcmp(name, "penalties") == 0) {
		o->action = ACTION_PENALTIES;
	} else if (strcmp(name, "version") == 0) {
		o->action = ACTION_VERSION;
	} else if (strcmp(name, "help") == 0) {
		o->action = ACTION_HELP;
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

/* Whether what is asked for of a notice can be. */
static int
notice(const struct options_parser *p)
{
	const struct options *o = p->o;

	if (o->from_headers) {
		return options_fail(p,
		    "-s and its like write the header, so "
		    "there are no recipients in it for",
		    "-t");
	}
	if (o->recipients[0] == NULL) {
		return options_fail(
		    p, "no recipient: name them behind the", "options");
	}
	if (o->notice.period > 0 && o->notice.key == NULL) {
		return options_fail(
		    p, "--every says how often for", "--dedupe");
	}
	return 0;
}

int
options_parse(
    struct options *o, int argc, char **argv, char error[CONFIG_ERROR])
{
	struct options_parser p = { .o = o, .argv = argv, .error = error };

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
				    : options_letters(&p, word + 1)) == -1) {
			return -1;
		}
	}
	o->recipients = p.argv;
	if (o->launch.nlisten > 0 && o->action == ACTION_SUBMIT) {
		o->action = ACTION_SERVE;
	}
	/* Whoever names a sender or recipients has a message to send. */
	if (o->action == ACTION_SERVE && !o->launch.local &&
	    o->launch.nlisten == 0 &&
	    (*p.argv != NULL || o->from_headers || o->from != NULL ||
		o->dot_is_text || o->notice.wanted)) {
		o->action = ACTION_SUBMIT;
	}
	return o->action == ACTION_SUBMIT && o->notice.wanted ? notice(&p) : 0;
}
