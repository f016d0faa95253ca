/* SPDX-License-Identifier: ISC */
/* pop3d: the POP3 server. */
#include "common/config/config.h"
#include "common/log/log.h"
#include "common/login/login.h"
#include "common/server/server.h"
#include "common/session/proxied.h"
#include "pop3d/admin/admin.h"
#include "pop3d/mailbox/transaction.h"
#include "pop3d/session/session.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

static const struct service pop3 = {
	.name = "pop3d",
	.refusals = {
	    .too_many = "-ERR [SYS/TEMP] Too many sessions, "
			"try again later\r\n",
	    .not_ready = "-ERR [SYS/TEMP] Not ready, try again later\r\n",
	    .unwelcome = "-ERR [SYS/TEMP] Too many errors from your address, "
			 "try again later\r\n",
	},
	.refused = session_refused,
	.life = LIFETIME,
	.life_before_login = LOGIN_TIMEOUT,
	.pair = true,
	.proxied = proxied_start,
	.session = session_run,
	.jobs = {
	    [REQUEST_LOGIN] = { login_run, login_valid },
	    [REQUEST_SALT] = { login_salt_run, login_valid },
	    [REQUEST_PROOF] = { login_proof_run, login_valid },
	    [REQUEST_NAME] = { login_name_run, login_valid },
	    [REQUEST_MAILBOX] = { mailbox_run, login_valid },
	},
};

static const char usage[] =
    "usage: pop3d [-c FILE] [--implicit-tls] [-l ADDRESS:PORT[/tls]] ...\n"
    "       pop3d [-c FILE] --recover\n"
    "       pop3d [-c FILE] --last-login [USER]\n"
    "       pop3d [-c FILE] --deleted USER\n"
    "       pop3d [-c FILE] --undelete USER [ID ...]\n"
    "       pop3d --version | --help\n"
    "See pop3d(8).\n";

struct arguments {
	struct launch launch;
	const char *config;
	/* What to do instead of serving, with its operands. */
	int (*verb)(const struct config *, int count, char **words);
	int count, least, most;
	char **words;
};

/* Takes one option; an exit status when there is nothing to run, or -1. */
static int
take_option(struct arguments *a, int option)
{
	struct launch *launch = &a->launch;

	switch (option) {
	case 'c':
		a->config = optarg;
		return -1;
	case 'l':
		if (launch->nlisten == LAUNCH_LISTENERS) {
			break;
		}
		launch->listen[launch->nlisten++] = optarg;
		return -1;
	case 't':
		launch->implicit_tls = true;
		return -1;
	case 'r':
		a->verb = admin_recover;
		return -1;
	case 'L':
		a->verb = admin_last_login;
		a->most = 1;
		return -1;
	case 'D':
		a->verb = admin_deleted;
		a->least = a->most = 1;
		return -1;
	case 'U':
		a->verb = admin_undelete;
		a->least = 1;
		a->most = INT_MAX;
		return -1;
	case 'V':
		printf("restante %s\n", VERSION);
		return EX_OK;
	case 'h':
		fputs(usage, stdout);
		return EX_OK;
	default:
		break;
	}
	fputs(usage, stderr);
	return EX_USAGE;
}

static int
parse_options(int argc, char **argv, struct arguments *a)
{
	static const struct option options[] = {
		{ "implicit-tls", no_argument, NULL, 't' },
		{ "last-login", no_argument, NULL, 'L' },
		{ "deleted", no_argument, NULL, 'D' },
		{ "undelete", no_argument, NULL, 'U' },
		{ "recover", no_argument, NULL, 'r' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int o, status = -1;

	while (status == -1 &&
	       (o = getopt_long(argc, argv, "c:l:", options, NULL)) != -1) {
		status = take_option(a, o);
	}
	a->count = argc - optind;
	a->words = argv + optind;
	if (status == -1 && (a->count < a->least || a->count > a->most)) {
		fputs(usage, stderr);
		return EX_USAGE;
	}
	return status;
}

int
main(int argc, char **argv)
{
	char error[CONFIG_ERROR];
	struct arguments a = { .verb = NULL };
	struct config *config;
	struct stat st;

	/* Under inetd descriptor 2 is the client: errors go to syslog. */
	bool client = fstat(STDERR_FILENO, &st) == -1 || S_ISSOCK(st.st_mode);
	log_open("pop3d", client ? LOG_TO_SYSLOG : LOG_TO_PERSON);
	umask(077);
	int status = parse_options(argc, argv, &a);
	if (status != -1) {
		return status;
	}
	if ((config = config_load(a.config, error)) == NULL) {
		log_error("%s", error);
		return EX_CONFIG;
	}
	config_hide_passwords(config);
	status = a.verb != NULL ? a.verb(config, a.count, a.words)
	                        : server_run(&pop3, &a.launch, config);
	free(config);
	return status;
}
