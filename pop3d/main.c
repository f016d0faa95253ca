/* SPDX-License-Identifier: ISC */
/* pop3d: the POP3 server. */
#include "common/config.h"
#include "common/log.h"
#include "common/login.h"
#include "common/server.h"
#include "pop3d/recovery.h"
#include "pop3d/session.h"

#include <getopt.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

static const struct service pop3 = {
	.name = "pop3d",
	.too_many = "-ERR [SYS/TEMP] Too many sessions, try again later\r\n",
	.not_ready = "-ERR [SYS/TEMP] Not ready, try again later\r\n",
	.pair = true,
	.session = session_run,
	.jobs = {
	    [REQUEST_LOGIN] = { login_run, login_valid },
	    [REQUEST_SALT] = { login_salt_run, login_valid },
	    [REQUEST_PROOF] = { login_proof_run, login_valid },
	    [REQUEST_MAILBOX] = { mailbox_run, login_valid },
	},
};

static const char usage[] =
    "usage: pop3d [-c FILE] [--implicit-tls] [-l ADDRESS:PORT[/tls]] ...\n"
    "       pop3d [-c FILE] --recover\n"
    "       pop3d --version | --help\n"
    "See pop3d(8).\n";

/* An exit status when there is nothing to run, or -1. */
static int
parse(int argc, char **argv, struct launch *launch, const char **config,
    bool *recover)
{
	static const struct option options[] = {
		{ "implicit-tls", no_argument, NULL, 't' },
		{ "recover", no_argument, NULL, 'r' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int o;

	while ((o = getopt_long(argc, argv, "c:l:", options, NULL)) != -1) {
		if (o == 'c') {
			*config = optarg;
		} else if (o == 'l' && launch->nlisten < LAUNCH_LISTENERS) {
			launch->listen[launch->nlisten++] = optarg;
		} else if (o == 't') {
			launch->implicit_tls = true;
		} else if (o == 'r') {
			*recover = true;
		} else if (o == 'V') {
			printf("restante %s\n", VERSION);
			return EX_OK;
		} else if (o == 'h') {
			fputs(usage, stdout);
			return EX_OK;
		} else {
			fputs(usage, stderr);
			return EX_USAGE;
		}
	}
	if (optind < argc) {
		fputs(usage, stderr);
		return EX_USAGE;
	}
	return -1;
}

int
main(int argc, char **argv)
{
	char error[CONFIG_ERROR];
	struct launch launch = { .has_role = false };
	const char *file = NULL;
	bool recover = false;
	struct config config;
	struct stat st;

	/* Under inetd 2 is the client: what goes wrong goes to syslog. */
	bool client = fstat(STDERR_FILENO, &st) == -1 || S_ISSOCK(st.st_mode);
	log_open("pop3d", client ? LOG_TO_SYSLOG : LOG_TO_PERSON);
	umask(077);
	int status = parse(argc, argv, &launch, &file, &recover);
	if (status != -1) {
		return status;
	}
	if (config_load(&config, file, error) == -1) {
		log_error("%s", error);
		return EX_CONFIG;
	}
	return recover ? recovery_run(&config)
	               : server_run(&pop3, &launch, &config);
}
