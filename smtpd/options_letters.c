/* SPDX-License-Identifier: ISC */
/*
 * Options of one letter: our few, and those of all sendmail commands, as a
 * table of what each takes behind it.  Scripts give any of them; those that
 * ask for nothing that we do are read over, with their arguments.
 */
#include "common/text/xtext.h"
#include "smtpd/options_parser.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

int
options_fail(const struct options_parser *p, const char *what, const char *word)
{
	snprintf(p->error, CONFIG_ERROR, "%s %s", what, word);
	return -1;
}

const char *
options_argument(struct options_parser *p, const char *rest)
{
	if (*rest != '\0') {
		return rest;
	}
	if (p->argv[1] == NULL) {
		return NULL;
	}
	return *++p->argv;
}

/* -b: what to do. */
static int
mode(struct options_parser *p, const char *name)
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
		/* What is known of hosts: nothing is kept. */
		{ 'h', ACTION_NOTHING },
		{ 'H', ACTION_NOTHING },
	};

	if (*name == 'd' || *name == 'D') {
		return options_fail(p,
		    "nothing runs for ever here: enable "
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
listen_option(struct options_parser *p, const char *spec)
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
 * -q: run the queue; what is behind it says which part.  An interval is what
 * would make a daemon of sendmail; here a timer comes back and says it again.
 */
static int
queue_option(struct options_parser *p, const char *rest)
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
	text = options_argument(p, rest + 1);
	if (text == NULL || *text == '\0') {
		return options_fail(p, "something is missing behind", *p->argv);
	}
	if (*rest == 'I') {
		run->id = text;
	} else if (*rest == 'R') {
		run->match = text;
	} /* by sender: everything that is due, its mail among it */
	return 0;
}

/* -N never, or a list of the others (RFC 3461 section 4.1). */
static int
notify_option(struct options_parser *p, const char *list)
{
	static const struct {
		const char *word;
		enum notify bit;
	} words[] = { { "never", NOTIFY_NEVER }, { "success", NOTIFY_SUCCESS },
		{ "failure", NOTIFY_FAILURE }, { "delay", NOTIFY_DELAY } };
	enum { WORDS = sizeof(words) / sizeof(words[0]) };

	p->o->notify = 0;
	for (const char *text = list;; text++) {
		size_t n = strcspn(text, ","), i = 0;
		while (i < WORDS && (strlen(words[i].word) != n ||
					strncasecmp(text, words[i].word, n))) {
			i++;
		}
		if (i == WORDS) {
			break;
		}
		p->o->notify |= words[i].bit;
		text += n;
		if (*text == '\0') {
			bool never = (p->o->notify & NOTIFY_NEVER) != 0;
			if (never && p->o->notify != NOTIFY_NEVER) {
				break;
			}
			return 0;
		}
	}
	return options_fail(
	    p, "-N takes never, or some of success,failure,delay, not", list);
}

static int
return_option(struct options_parser *p, const char *what)
{
	if (strcasecmp(what, "full") != 0 && strcasecmp(what, "hdrs") != 0) {
		return options_fail(p, "-R takes full or hdrs, not", what);
	}
	p->o->ret = strcasecmp(what, "full") == 0 ? RET_FULL : RET_HDRS;
	return 0;
}

/* -V: xtext as it is; what is none is made so. */
static int
envid_option(struct options_parser *p, const char *id)
{
	char decoded[MAIL_ENVID + 1];
	size_t n = strlen(id);
	ssize_t ok = xtext_decode(id, n, decoded, sizeof(decoded));

	for (const char *c = id; *c != '\0'; c++) {
		if (*c < ' ' || *c >= 0x7f) {
			return options_fail(
			    p, "-V takes printable ASCII, not", id);
		}
	}
	ok = ok == -1 || n >= sizeof(p->o->envid)
	         ? xtext_encode(id, n, p->o->envid, sizeof(p->o->envid))
	         : (ssize_t)strlcpy(p->o->envid, id, sizeof(p->o->envid));
	return ok > 0 ? 0
	              : options_fail(p, "-V takes 1 to 100 octets, not", id);
}

static int
dot_option(struct options_parser *p, const char *set)
{
	p->o->dot_is_text = p->o->dot_is_text || *set == 'i';
	return 0;
}

static int
body_option(struct options_parser *p, const char *type)
{
	/* Of a type that we do not know, we look at the message instead. */
	p->o->seven_bit = strcasecmp(type, "7BIT") == 0;
	return 0;
}

static int
config_option(struct options_parser *p, const char *file)
{
	p->o->config = file;
	return 0;
}

static int
from_option(struct options_parser *p, const char *address)
{
	p->o->from = address;
	return 0;
}

static int
name_option(struct options_parser *p, const char *name)
{
	p->o->full_name = name;
	return 0;
}

static int
subject_option(struct options_parser *p, const char *subject)
{
	return notice_option(&p->o->notice, "s", subject, p->error);
}

static int
attach_option(struct options_parser *p, const char *file)
{
	return notice_option(&p->o->notice, "a", file, p->error);
}

/* Letters with an argument, and what is done with it: NULL, nothing. */
static const struct {
	char letter;
	int (*take)(struct options_parser *, const char *);
} with_argument[] = {
	{ 'B', body_option },
	{ 'F', name_option },
	{ 'N', notify_option },
	{ 'R', return_option },
	{ 'V', envid_option },
	{ 'a', attach_option },
	{ 'b', mode },
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

/* A letter with an argument; 1: it is none of those. */
static int
letter_with_argument(struct options_parser *p, const char *letter)
{
	for (size_t i = 0; i < sizeof(with_argument) / sizeof(with_argument[0]);
	     i++) {
		if (with_argument[i].letter != *letter) {
			continue;
		}
		const char *word = *p->argv;
		const char *argument = options_argument(p, letter + 1);
		if (argument == NULL) {
			return options_fail(
			    p, "something is missing behind", word);
		}
		return with_argument[i].take == NULL
		           ? 0
		           : with_argument[i].take(p, argument);
	}
	return 1;
}

int
options_letters(struct options_parser *p, const char *word)
{
	/* Without an argument; and those with one that is never apart. */
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
