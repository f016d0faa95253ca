/* SPDX-License-Identifier: ISC */
#include "pop3d/options.h"

#include "common/config/option.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

static int
take_listen(void *target, const struct option_row *row, const char *spec,
    char error[CONFIG_ERROR])
{
	(void)row;
	return launch_listen(&((struct options *)target)->launch, spec, error);
}

static int
take_role(void *target, const struct option_row *row, const char *name,
    char error[CONFIG_ERROR])
{
	(void)row;
	return launch_role(&((struct options *)target)->launch, name, error);
}

static const struct option_row rows[] = {
	{ .help = "Everywhere:" },
	{ 'c', .argument = "FILE", .kind = OPTION_TEXT,
	    .offset = offsetof(struct options, config),
	    .help = "read the configuration from FILE" },
	{ .name = "help",
	    .verb = ACTION_HELP,
	    .alone = true,
	    .help = "print this" },
	{ .name = "version",
	    .verb = ACTION_VERSION,
	    .alone = true,
	    .help = "print the version" },

	{ .help = "Serve (without options: on the socket of inetd, xinetd or "
		  "systemd, or on standard input):" },
	{ 'l', .argument = "ADDRESS:PORT[/tls][=passwd]",
	    .with = OPTION_WITH(ACTION_SERVE), .kind = OPTION_CALL,
	    .take = take_listen,
	    .help = "listen there, in the foreground; or on unix:PATH; may be "
		    "repeated" },
	{ .name = "role",
	    .argument = "ROLE",
	    .with = OPTION_WITH(ACTION_SERVE),
	    .kind = OPTION_CALL,
	    .take = take_role,
	    .help = "passwd, whatever the port: users change their passwords" },
	{ .name = "implicit-tls",
	    .with = OPTION_WITH(ACTION_SERVE),
	    .kind = OPTION_FLAG,
	    .offset = offsetof(struct options, launch.implicit_tls),
	    .help = "begin with TLS, whatever the port" },

	{ .help = "Look after mailboxes:" },
	{ .name = "check",
	    .verb = ACTION_CHECK,
	    .help = "test the configuration, and say what to type" },
	{ 'j', .name = "json", .with = OPTION_WITH(ACTION_CHECK),
	    .kind = OPTION_FLAG, .offset = offsetof(struct options, json),
	    .help = "... for programs" },
	{ .name = "last-login",
	    .verb = ACTION_LAST_LOGIN,
	    .operands = "[USER]",
	    .most = 1,
	    .help = "print who has logged in, when, and from where" },
	{ .name = "deleted",
	    .verb = ACTION_DELETED,
	    .operands = "USER",
	    .least = 1,
	    .most = 1,
	    .help = "list deleted messages that are kept" },
	{ .name = "undelete",
	    .verb = ACTION_UNDELETE,
	    .operands = "USER [ID ...]",
	    .least = 1,
	    .most = UINT_MAX,
	    .help = "put them back into the mailbox" },
	{ .name = "backup",
	    .verb = ACTION_BACKUP,
	    .operands = "USER",
	    .least = 1,
	    .most = 1,
	    .help = "write the mailbox to standard output" },
	{ .name = "restore",
	    .verb = ACTION_RESTORE,
	    .operands = "USER",
	    .least = 1,
	    .most = 1,
	    .help = "add what a backup on standard input has and the mailbox "
		    "has not" },
	{ .name = "import",
	    .verb = ACTION_IMPORT,
	    .operands = "USER FILE|MAILDIR",
	    .least = 2,
	    .most = 2,
	    .help = "add the mail of another server, an mbox or a Maildir" },
	{ .name = "uidls",
	    .argument = "FILE",
	    .with = OPTION_WITH(ACTION_IMPORT),
	    .kind = OPTION_TEXT,
	    .offset = offsetof(struct options, uidls),
	    .help = "... with its UIDLs: dovecot-uidlist, "
		    "courierpop3dsizelist, what curl -X UIDL prints, or "
		    "\"names\" for those of the files" },
	{ .name = "uidl-format",
	    .argument = "FORMAT",
	    .with = OPTION_WITH(ACTION_IMPORT),
	    .kind = OPTION_TEXT,
	    .offset = offsetof(struct options, format),
	    .help = "... Dovecot's pop3_uidl_format, if it was changed" },
	{ .name = "recover",
	    .verb = ACTION_RECOVER,
	    .help = "finish what a crash has interrupted, at boot" },
	{ .help = "See pop3d(8)." },
};

/* smtpd's verbs. */
static const char *const others[] = { "adopt", "alert", "bounce", "clients",
	"dkim", "dns", "forgive", "hold", "letter", "passwd", "penalties",
	"release", "remove", "reports", "resolver", "setup", "show", "stats",
	"users", "vacation" };

/* Only a server has no verb, and it takes no operands. */
static int
decide(void *target, unsigned *verb, bool operands, char error[CONFIG_ERROR])
{
	(void)target;
	if (*verb == ACTION_SERVE && operands) {
		return option_fail(error,
		    "a server takes no arguments: options "
		    "begin with a dash");
	}
	return 0;
}

static const struct option_table table = {
	.usage = "usage: pop3d [-c FILE] [OPTION ...]\n",
	.rows = rows,
	.count = sizeof(rows) / sizeof(rows[0]),
	.other = "smtpd ",
	.others = others,
	.nothers = sizeof(others) / sizeof(others[0]),
	.decide = decide,
};

int
options_parse(
    struct options *o, int argc, char **argv, char error[CONFIG_ERROR])
{
	static const struct role_name roles[] = { { "passwd", ROLE_PASSWD },
		{ NULL, ROLE_MX } };
	unsigned verb;

	memset(o, 0, sizeof(*o));
	o->launch.roles = roles;
	if (argc == 0) {
		return option_fail(error, "no name of the program given");
	}
	if (option_parse(&table, o, argv + 1, &verb, &o->operands, error) ==
	    -1) {
		return -1;
	}
	o->action = (enum action)verb;
	return 0;
}

void
options_help(void)
{
	option_help(&table);
}
