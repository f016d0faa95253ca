/* SPDX-License-Identifier: ISC */
/*
 * The command line: an argument of an option taken for a recipient sends mail
 * to a stranger, a recipient taken for an option sends none, and an option that
 * we refuse breaks somebody's cron.
 */
#include "smtpd/options.h"

#include "tests/unit/tap.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { WORDS = 24 };

/* What a command line comes to, as one line of text. */
static const char *
outcome(char *text, size_t size, const char *line)
{
	static const char *const actions[] = {
		[ACTION_SERVE] = "serve",
		[ACTION_SUBMIT] = "submit",
		[ACTION_MAILQ] = "mailq",
		[ACTION_MANAGE] = "manage",
		[ACTION_NEWALIASES] = "newaliases",
		[ACTION_QUEUE] = "queue",
		[ACTION_PASSWD] = "passwd",
		[ACTION_CHECK] = "check",
		[ACTION_EXPLAIN] = "explain",
		[ACTION_VERIFY] = "verify",
		[ACTION_NOTHING] = "nothing",
		[ACTION_VERSION] = "version",
		[ACTION_HELP] = "help",
	};
	static char words[512], *argv[WORDS];
	static struct options o;
	char error[CONFIG_ERROR] = "";
	int argc = 0;

	/* Words end at blanks; "_" is an empty one. */
	strlcpy(words, line, sizeof(words));
	for (char *p = words; *p != '\0' && argc < WORDS - 1;) {
		argv[argc++] = p;
		p += strcspn(p, " ");
		if (*p != '\0') {
			*p++ = '\0';
		}
	}
	for (int i = 0; i < argc; i++) {
		argv[i] += strcmp(argv[i], "_") == 0;
	}
	argv[argc] = NULL;
	if (options_parse(&o, argc, argv, error) == -1) {
		snprintf(text, size, "error");
		return error[0] != '\0' ? text : "an error without a text";
	}
	size_t n = (size_t)snprintf(text, size, "%s%s%s%s%s", actions[o.action],
	    o.dot_is_text ? " i" : "", o.from_headers ? " t" : "",
	    o.seven_bit ? " 7" : "", o.launch.local ? " local" : "");
	if (o.from != NULL) {
		n += (size_t)snprintf(text + n, size - n, " f=%s", o.from);
	}
	if (o.full_name != NULL) {
		n += (size_t)snprintf(text + n, size - n, " F=%s", o.full_name);
	}
	if (o.notify != 0 || o.ret != RET_UNSAID || o.envid[0] != '\0') {
		n += (size_t)snprintf(text + n, size - n, " N=%u R=%d V=%s",
		    o.notify, (int)o.ret, o.envid);
	}
	for (char **r = o.recipients; *r != NULL; r++) {
		n += (size_t)snprintf(text + n, size - n, " [%s]", *r);
	}
	return text;
}

static const struct {
	const char *line, *wanted;
} cases[] = {
	/* Who calls, and how. */
	{ "sendmail -FCronDaemon -i -B8BITMIME -oem root",
	    "submit i F=CronDaemon [root]" },
	{ "sendmail -FCronDaemon -i -odi -oem -oi -t -f root",
	    "submit i t f=root F=CronDaemon" },
	{ "sendmail -FCronDaemon -odi -oem -or0s root",
	    "submit F=CronDaemon [root]" },
	{ "sendmail -FAnacron -odi root", "submit F=Anacron [root]" },
	{ "sendmail -i root", "submit i [root]" },
	{ "sendmail -f me@x.y -i a@x.y b@x.y",
	    "submit i f=me@x.y [a@x.y] [b@x.y]" },
	{ "sendmail -t -i", "submit i t" },
	{ "sendmail -t -i -fme@x.y", "submit i t f=me@x.y" },
	{ "sendmail -oi -fme@x.y -t", "submit i t f=me@x.y" },
	{ "sendmail -oem -oi -f me -B8BITMIME -N failure,delay -R hdrs -- a b",
	    "submit i f=me N=12 R=2 V= [a] [b]" },
	{ "sendmail -oem -oi -N never -R full -- a",
	    "submit i N=1 R=1 V= [a]" },
	{ "sendmail -i -f a@x.y -- b", "submit i f=a@x.y [b]" },
	{ "sendmail -i -t -f a@x.y", "submit i t f=a@x.y" },
	{ "sendmail -oi -f user@host -t", "submit i t f=user@host" },
	{ "sendmail -t", "submit t" },
	{ "sendmail -f fail2ban root", "submit f=fail2ban [root]" },
	{ "sendmail -oi -t", "submit i t" },
	{ "smtpd -ti", "submit i t" },
	{ "smtpd -it root", "submit i t [root]" },
	/* Arguments attached and apart. */
	{ "sendmail -F Cron root", "submit F=Cron [root]" },
	{ "sendmail -r a root", "submit f=a [root]" },
	{ "sendmail -ra root", "submit f=a [root]" },
	{ "sendmail -f _ root", "submit f= [root]" },
	{ "sendmail -f <> root", "submit f=<> [root]" },
	{ "sendmail -if a root", "submit i f=a [root]" },
	{ "sendmail -f -Xfile root", "submit f=-Xfile [root]" },
	{ "sendmail -B 7BIT root", "submit 7 [root]" },
	{ "sendmail -B7bit root", "submit 7 [root]" },
	{ "sendmail -B something root", "submit [root]" },
	{ "sendmail -o i root", "submit i [root]" },
	{ "sendmail -o em root", "submit [root]" },
	{ "sendmail -oA/etc/aliases root", "submit [root]" },
	{ "sendmail -O DeliveryMode=b root", "submit [root]" },
	{ "sendmail -ODeliveryMode=b root", "submit [root]" },
	{ "sendmail -X /tmp/log root", "submit [root]" },
	{ "sendmail -X/tmp/log root", "submit [root]" },
	{ "sendmail -C /etc/passwd root", "submit [root]" },
	{ "sendmail -C/etc/passwd root", "submit [root]" },
	{ "sendmail -Ac root", "submit [root]" },
	{ "sendmail -Am -i root", "submit i [root]" },
	{ "sendmail -em root", "submit [root]" },
	{ "sendmail -ep -i root", "submit i [root]" },
	{ "sendmail -h 5 root", "submit [root]" },
	{ "sendmail -h5 root", "submit [root]" },
	{ "sendmail -L tag root", "submit [root]" },
	{ "sendmail -p esmtp:host root", "submit [root]" },
	{ "sendmail -M x root", "submit [root]" },
	{ "sendmail -D log root", "submit [root]" },
	{ "sendmail -d0.1 root", "submit [root]" },
	{ "sendmail -d root", "submit [root]" },
	{ "sendmail -Ex root", "submit [root]" },
	{ "sendmail -Qx root", "submit [root]" },
	{ "sendmail -G -U -m -n -v -x root", "submit [root]" },
	{ "sendmail -GUmnvx root", "submit [root]" },
	{ "sendmail -vi root", "submit i [root]" },
	{ "sendmail -bm root", "submit [root]" },
	{ "sendmail -ba root", "submit [root]" },
	{ "smtpd -bm root", "submit [root]" },
	/* Reports. */
	{ "sendmail -N success root", "submit N=2 R=0 V= [root]" },
	{ "sendmail -Nsuccess,FAILURE,delay root",
	    "submit N=14 R=0 V= [root]" },
	{ "sendmail -N never,failure root", "error" },
	{ "sendmail -N often root", "error" },
	{ "sendmail -N failure, root", "error" },
	{ "sendmail -N _ root", "error" },
	{ "sendmail -R some root", "error" },
	{ "sendmail -R HDRS root", "submit N=0 R=2 V= [root]" },
	{ "sendmail -V abc root", "submit N=0 R=0 V=abc [root]" },
	{ "sendmail -Vab+2Bc root", "submit N=0 R=0 V=ab+2Bc [root]" },
	{ "sendmail -Vab=c root", "submit N=0 R=0 V=ab+3Dc [root]" },
	{ "sendmail -V _ root", "error" },
	{ "sendmail -V a\nb root", "error" },
	{ "sendmail -V "
	  "0123456789012345678901234567890123456789012345678901234567890123456"
	  "7890123456789012345678901234567890123456789 root",
	    "error" },
	/* Where options end. */
	{ "sendmail -- -bp", "submit [-bp]" },
	{ "sendmail root -i", "submit [root] [-i]" },
	{ "sendmail - root", "submit [-] [root]" },
	{ "smtpd -- root", "submit [root]" },
	/* Names. */
	{ "sendmail", "submit" },
	{ "/usr/lib/sendmail", "submit" },
	{ "/usr/lib/sendmail/x", "serve" },
	{ "sendmail -bs", "serve local" },
	{ "sendmail -bs -i", "serve i local" },
	{ "sendmail -l :25", "serve" },
	{ "smtpd", "serve" },
	{ "mailq", "mailq" },
	{ "/usr/bin/mailq -v", "mailq" },
	{ "mailq -Ac", "mailq" },
	{ "newaliases", "newaliases" },
	{ "runq", "queue" },
	/* Modes. */
	{ "sendmail -bp", "mailq" },
	{ "sendmail -b p", "mailq" },
	{ "sendmail -bi", "newaliases" },
	{ "sendmail -I", "newaliases" },
	{ "sendmail -bt root", "explain [root]" },
	{ "sendmail -bv root a@x.y", "verify [root] [a@x.y]" },
	{ "sendmail -bh", "nothing" },
	{ "sendmail -bH", "nothing" },
	{ "sendmail -bd", "error" },
	{ "sendmail -bD -q15m", "error" },
	{ "sendmail -bz", "error" },
	{ "sendmail -q", "queue" },
	{ "sendmail -q30m", "queue" },
	{ "sendmail -qf", "queue" },
	{ "sendmail -qIabc", "queue" },
	{ "sendmail -qR x.y", "queue" },
	{ "sendmail -qS x", "queue" },
	{ "sendmail -qG", "error" },
	/* Nonsense. */
	{ "sendmail -f", "error" },
	{ "sendmail -F", "error" },
	{ "sendmail -X", "error" },
	{ "sendmail -b", "error" },
	{ "sendmail -Z root", "error" },
	{ "sendmail -iZ root", "error" },
	{ "sendmail --nonsense root", "error" },
	{ "smtpd --version", "version" },
	{ "smtpd --help", "help" },
};

static void
test_no_name(void)
{
	char *none[] = { NULL }, error[CONFIG_ERROR] = "";
	static struct options o;

	ok(options_parse(&o, 0, none, error) == -1 && error[0] != '\0',
	    "no name of the program at all");
}

/* The option is named alone, whatever letters its word has. */
static void
test_no_argument(void)
{
	static const struct {
		const char *words[3], *wanted;
	} missing[] = {
		{ { "smtpd", "-s" }, "option -s needs an argument" },
		{ { "sendmail", "-itf" }, "option -f needs an argument" },
		{ { "smtpd", "--role" }, "option --role needs an argument" },
		{ { "smtpd", "--passwd" },
		    "option --passwd needs an argument" },
		{ { "smtpd", "--forgive" },
		    "option --forgive needs an argument" },
	};
	static struct options o;

	for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
		char *words[] = { (char *)(uintptr_t)missing[i].words[0],
			(char *)(uintptr_t)missing[i].words[1], NULL };
		char error[CONFIG_ERROR] = "";
		ok(options_parse(&o, 2, words, error) == -1 &&
			strcmp(error, missing[i].wanted) == 0,
		    "%s", missing[i].wanted);
	}
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[512];
		const char *got = outcome(text, sizeof(text), cases[i].line);
		char shown[128];
		strlcpy(shown, cases[i].line, sizeof(shown));
		for (char *p = shown; *p != '\0'; p++) {
			*p = *p == '\n' ? '?' : *p;
		}
		if (!ok(strcmp(got, cases[i].wanted) == 0, "%s", shown)) {
			note("got %s, wanted %s", got, cases[i].wanted);
		}
	}
	test_no_name();
	test_no_argument();
	return tap_done();
}
