/* SPDX-License-Identifier: ISC */
/* pop3d: the POP3 server. */
#include "common/config/config.h"
#include "common/log/log.h"
#include "common/login/login.h"
#include "common/login/own_password.h"
#include "common/server/server.h"
#include "common/session/proxied.h"
#include "pop3d/admin/admin.h"
#include "pop3d/mailbox/transaction.h"
#include "pop3d/options.h"
#include "pop3d/session/session.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

static const struct refusals passwd = {
	.too_many = "500 Too many sessions, try again later\r\n",
	.not_ready = "500 Not ready, try again later\r\n",
	.unwelcome = "500 Not from there, or too many errors: try again "
		     "later\r\n",
};

static const struct service pop3 = {
	.name = "pop3d",
	.refusals = {
	    .too_many = "-ERR [SYS/TEMP] Too many sessions, "
			"try again later\r\n",
	    .not_ready = "-ERR [SYS/TEMP] Not ready, try again later\r\n",
	    .unwelcome = "-ERR [SYS/TEMP] Too many errors from your address, "
			 "try again later\r\n",
	},
	.passwd = &passwd,
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
	    [REQUEST_PASSWD] = { own_password_run, own_password_valid },
	    [REQUEST_MAILBOX] = { mailbox_run, login_valid },
	},
};

static int
act(const struct options *o, const struct config *config)
{
	switch (o->action) {
	case ACTION_SERVE:
		return server_run(&pop3, &o->launch, config);
	case ACTION_CHECK:
		return admin_check(config, o->json);
	case ACTION_RECOVER:
		return admin_recover(config);
	case ACTION_LAST_LOGIN:
		return admin_last_login(config, o->operands[0]);
	case ACTION_DELETED:
		return admin_deleted(config, o->operands[0]);
	case ACTION_UNDELETE:
		return admin_undelete(config, o->operands[0], o->operands + 1);
	case ACTION_BACKUP:
		return admin_backup(config, o->operands[0]);
	case ACTION_RESTORE:
		return admin_restore(config, o->operands[0]);
	case ACTION_IMPORT:
		return admin_import(config, o->operands[0], o->operands[1],
		    o->uidls, o->format);
	case ACTION_VERSION:
	case ACTION_HELP:
		break; /* need no configuration, and never come here */
	}
	return EX_SOFTWARE;
}

/* Says what is the same whatever the configuration is, and whether it did. */
static bool
tell(enum action action)
{
	if (action == ACTION_VERSION) {
		printf("restante %s\n", VERSION);
	} else if (action == ACTION_HELP) {
		options_help();
	}
	return action == ACTION_VERSION || action == ACTION_HELP;
}

int
main(int argc, char **argv)
{
	char error[CONFIG_ERROR];
	struct options options;
	struct config *config;
	struct stat st;

	/* A limit on the size of files is an error like any other. */
	signal(SIGXFSZ, SIG_IGN);
	/* Under inetd descriptor 2 is the client: errors go to syslog. */
	bool client = fstat(STDERR_FILENO, &st) == -1 || S_ISSOCK(st.st_mode);
	log_open("pop3d", client ? LOG_TO_SYSLOG : LOG_TO_PERSON);
	umask(077);
	if (options_parse(&options, argc, argv, error) == -1) {
		log_error("%s (see --help)", error);
		return EX_USAGE;
	}
	if (tell(options.action)) {
		return EX_OK;
	}
	if ((config = config_load(options.config, error)) == NULL) {
		log_error("%s", error);
		return EX_CONFIG;
	}
	config_hide_passwords(config);
	int status = act(&options, config);
	free(config);
	return status;
}
