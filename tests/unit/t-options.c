/* SPDX-License-Identifier: ISC */
/*
 * The command line: an argument of an option taken for a recipient sends mail
 * to a stranger, a recipient taken for an option sends none, and an option that
 * we refuse breaks somebody's cron.
 */
#include "smtpd/options.h"

#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { WORDS = 24 };

/* NULL, with an error, if it cannot be parsed. */
static const struct options *
parse(const char *line, char error[CONFIG_ERROR])
{
	static char words[512], *argv[WORDS];
	static struct options o;
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
	return options_parse(&o, argc, argv, error) == -1 ? NULL : &o;
}

/* What a command line comes to, as one line of text. */
static const char *
outcome(char *text, size_t size, const char *line)
{
	static const char *const actions[] = {
		[ACTION_SERVE] = "serve",
		[ACTION_SUBMIT] = "submit",
		[ACTION_MAILQ] = "mailq",
		[ACTION_REMOVE] = "remove",
		[ACTION_HOLD] = "hold",
		[ACTION_SETUP] = "setup",
		[ACTION_CLIENTS] = "clients",
		[ACTION_DNS] = "dns",
		[ACTION_STATS] = "stats",
		[ACTION_LETTER] = "letter",
		[ACTION_USERS] = "users",
		[ACTION_VACATION] = "vacation",
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
	char error[CONFIG_ERROR] = "";
	const struct options *o = parse(line, error);

	if (o == NULL) {
		snprintf(text, size, "error");
		return error[0] != '\0' ? text : "an error without a text";
	}
	size_t n =
	    (size_t)snprintf(text, size, "%s%s%s%s%s", actions[o->action],
		o->dot_is_text ? " i" : "", o->from_headers ? " t" : "",
		o->seven_bit ? " 7" : "", o->launch.local ? " local" : "");
	if (o->from != NULL) {
		n += (size_t)snprintf(text + n, size - n, " f=%s", o->from);
	}
	if (o->full_name != NULL) {
		n +=
		    (size_t)snprintf(text + n, size - n, " F=%s", o->full_name);
	}
	if (o->notify != 0 || o->ret != RET_UNSAID || o->envid[0] != '\0') {
		n += (size_t)snprintf(text + n, size - n, " N=%u R=%d V=%s",
		    o->notify, (int)o->ret, o->envid);
	}
	if (o->notice.wanted) {
		n += (size_t)snprintf(text + n, size - n, " s=%s a=%zu",
		    o->notice.subject, o->notice.nfiles);
	}
	if (o->notice.html != NULL || o->letter.page != NULL) {
		n += (size_t)snprintf(text + n, size - n, " html=%s page=%s",
		    o->notice.html != NULL ? o->notice.html : "-",
		    o->letter.page != NULL ? o->letter.page : "-");
	}
	if (o->passwd.user != NULL) {
		n += (size_t)snprintf(text + n, size - n, " %s%s%s",
		    o->passwd.user, o->passwd.generate ? " generate" : "",
		    o->passwd.remove ? " remove" : "");
	}
	if (o->vacation.user != NULL) {
		n += (size_t)snprintf(text + n, size - n, " %s%s %s %s",
		    o->vacation.user, o->vacation.off ? " off" : "",
		    o->vacation.from != NULL ? o->vacation.from : "-",
		    o->vacation.until != NULL ? o->vacation.until : "-");
	}
	if (o->action == ACTION_DNS) {
		n += (size_t)snprintf(text + n, size - n, " %d", (int)o->zone);
	}
	for (char **r = o->recipients; *r != NULL; r++) {
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
	{ "smtpd root -- -i", "submit [root] [-i]" },
	{ "smtpd root -- -- -i", "submit [root] [--] [-i]" },
	/* As sendmail, what follows a recipient is one; with ours it is not. */
	{ "sendmail -f a -- b", "submit f=a [b]" },
	{ "sendmail root -f a", "submit [root] [-f] [a]" },
	{ "sendmail root -s x", "submit [root] [-s] [x]" },
	{ "smtpd root -f a", "submit f=a [root]" },
	{ "smtpd -s x bob -a f", "submit s=x a=1 [bob]" },
	{ "smtpd bob -a f carol -s x", "submit s=x a=1 [bob] [carol]" },
	{ "sendmail -s x bob -a f", "submit s=x a=1 [bob]" },
	/* One option with two meanings, also where no option says the verb. */
	{ "smtpd -s x --html f bob", "submit s=x a=0 html=f page=- [bob]" },
	{ "sendmail -s x --html f bob", "submit s=x a=0 html=f page=- [bob]" },
	{ "smtpd bob --html f -s x", "submit s=x a=0 html=f page=- [bob]" },
	{ "smtpd --stats --html f", "stats html=- page=f" },
	{ "smtpd --html f --stats", "stats html=- page=f" },
	{ "sendmail -s x bob -- -a f", "submit s=x a=0 [bob] [-a] [f]" },
	/* Verbs, and options that mean another thing beside one. */
	{ "smtpd --users", "users" },
	{ "smtpd --dns", "dns 0" },
	{ "smtpd --dns x.y --check", "dns 2 [x.y]" },
	{ "smtpd --check --dns x.y", "dns 2 [x.y]" },
	{ "smtpd --web x.y --dns", "dns 1 [x.y]" },
	{ "smtpd --dns x.y --policy f", "dns 0 [x.y]" },
	{ "smtpd --setup a@x.y --yes", "setup [a@x.y]" },
	{ "smtpd --yes a@x.y --setup", "setup [a@x.y]" },
	{ "smtpd --vacation bob", "vacation bob - -" },
	{ "smtpd --vacation bob --from 2031-01-02 --until=2031-02-01",
	    "vacation bob 2031-01-02 2031-02-01" },
	{ "smtpd --off --vacation bob", "vacation bob off - -" },
	{ "smtpd --remove --passwd bob", "passwd bob remove" },
	{ "smtpd --generate --passwd=bob", "passwd bob generate" },
	{ "smtpd --passwd -x", "passwd -x" },
	{ "smtpd --remove abc", "remove [abc]" },
	{ "smtpd abc --hold def", "hold [abc] [def]" },
	{ "smtpd --stats --json", "stats" },
	{ "mailq --json", "mailq" },
	{ "smtpd -j -bp", "mailq" },
	{ "smtpd --setup --help", "help" },
	{ "smtpd --clients", "clients" },
	{ "smtpd --clients x.y --apple a", "clients [x.y]" },
	{ "smtpd --check --version --stats", "version" },
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

/* What is wrong, in words: the option alone, what it takes, what was meant. */
static void
test_words(void)
{
	static const struct {
		const char *line, *wanted;
	} wrong[] = {
		{ "smtpd -s", "option -s needs an argument: SUBJECT" },
		{ "sendmail -itf", "option -f needs an argument: FROM" },
		{ "smtpd -qI", "option -qI needs an argument: ID" },
		{ "smtpd --role", "option --role needs an argument: ROLE" },
		{ "smtpd --setup --tls _",
		    "option --tls needs an argument: self|FILE" },
		{ "smtpd --passwd", "option --passwd needs an argument: NAME" },
		{ "smtpd --forgive",
		    "option --forgive needs an argument: ADDRESS|all" },
		{ "smtpd --hold", "--hold needs an argument: ID ...|all" },
		{ "smtpd --role me", "--role takes mx or submission, not me" },
		{ "smtpd --passwd a --for imap",
		    "--for takes smtp or pop3, not \"imap\"" },
		{ "smtpd --passwd a --until 2031-02-30",
		    "--until takes a day such as 2031-12-31, not "
		    "\"2031-02-30\"" },
		{ "smtpd --check=all", "option --check takes no argument" },
		{ "smtpd --check all",
		    "\"all\" is one argument too many: --check takes none" },
		{ "smtpd --passwd alice bob",
		    "\"bob\" is one argument too many: --passwd takes NAME" },
		{ "smtpd --clients --srv --nginx",
		    "--srv and --nginx exclude each other" },
		{ "smtpd --setup a@b.c d@e.f",
		    "\"d@e.f\" is one argument too many: --setup takes "
		    "[ADDRESS]" },
		{ "smtpd -l :25 bob", "a server takes no recipients" },
		{ "sendmail -Z", "unknown option -Z" },
		{ "smtpd -iZ bob", "unknown option -Z" },
		{ "smtpd --frob",
		    "unknown option --frob; did you mean --from?" },
		{ "smtpd --chekc",
		    "unknown option --chekc; did you mean --check?" },
		{ "smtpd --undelete bob",
		    "unknown option --undelete; did you mean pop3d "
		    "--undelete?" },
		{ "smtpd --lastlogin",
		    "unknown option --lastlogin; did you mean pop3d "
		    "--last-login?" },
		{ "smtpd --promet=1",
		    "unknown option --promet; did you mean --prometheus?" },
		{ "smtpd -check",
		    "unknown option -check; did you mean --check?" },
		{ "smtpd --check --stats",
		    "--check and --stats exclude each other" },
		{ "smtpd --stats --json --prometheus",
		    "--json and --prometheus exclude each other" },
		{ "smtpd --passwd a --generate --credential {OAUTH}",
		    "--generate and --credential exclude each other" },
		{ "smtpd --dns --web --check",
		    "--web and --check exclude each other" },
		{ "smtpd --dns --policy f --check",
		    "--policy and --check exclude each other" },
		{ "smtpd --passwd a --passwd b", "--passwd is given twice" },
		{ "smtpd --check -bp",
		    "one thing at a time: another option says what to do "
		    "beside -b" },
		{ "smtpd --label x bob",
		    "--label has no effect without --passwd" },
		{ "smtpd --prometheus bob",
		    "--prometheus has no effect without --stats" },
		{ "smtpd --check -s x", "-s does not fit the other options" },
		{ "smtpd --check -l :25", "-l does not fit the other options" },
		{ "sendmail -bd",
		    "there is no daemon mode: enable restante-smtp.socket, or "
		    "use -l instead of -bd" },
		{ "sendmail -bz", "unknown mode -bz" },
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char error[CONFIG_ERROR] = "";
		parse(wrong[i].line, error);
		if (!ok(strcmp(error, wrong[i].wanted) == 0, "%s",
			wrong[i].wanted)) {
			note("%s: %s", wrong[i].line, error);
		}
	}
}

/*
 * Whatever the words are: an error has a text, and what is left as recipients
 * was given, in that order.
 */
static void
test_any_words(void)
{
	static const char *const some[] = { "smtpd", "sendmail", "-", "--", "",
		"-f", "-fx", "-qI", "-q", "-bp", "-b", "-s", "-a", "-it", "-j",
		"bob", "a@b.c", "--check", "--dns", "--passwd",
		"--passwd=", "--remove", "--role=mx", "--role", "--json",
		"--help=1", "-=", "--=", "---", "--setup", "-check", "-Z",
		"-oi", "--hold",
		"--nonsense-that-is-longer-than-every-option-that-there-is",
		"-l", "--\xff", "-\xff", "--every", "--web", "--yes" };
	enum { SOME = sizeof(some) / sizeof(some[0]), TIMES = 100000 };
	unsigned wrong = 0, parsed = 0;
	static struct options o;

	for (unsigned i = 0; i < TIMES; i++) {
		char *argv[WORDS], *given[WORDS], error[CONFIG_ERROR] = "";
		int argc = 1 + (int)random_below(8);
		for (int k = 0; k < argc; k++) {
			/* The first two are names of the program. */
			argv[k] = (char *)(uintptr_t)
			    some[random_below(k == 0 ? 2 : SOME)];
			given[k] = argv[k];
		}
		argv[argc] = NULL;
		if (options_parse(&o, argc, argv, error) == -1) {
			wrong += error[0] == '\0';
			continue;
		}
		parsed++;
		int at = 1;
		for (char **r = o.recipients; *r != NULL; r++) {
			while (at < argc && given[at] != *r) {
				at++;
			}
			wrong += at == argc;
			at++;
		}
	}
	ok(wrong == 0 && parsed > 0, "%u times any words, %u taken", TIMES,
	    parsed);
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
	test_words();
	test_any_words();
	return tap_done();
}
