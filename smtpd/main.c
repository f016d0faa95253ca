/* SPDX-License-Identifier: ISC */
/* smtpd: the SMTP server, and sendmail(8). */
#include "common/config/config.h"
#include "common/log/log.h"
#include "common/log/stats.h"
#include "common/login/login.h"
#include "common/login/own_password.h"
#include "common/server/launch.h"
#include "common/server/server.h"
#include "common/session/proxied.h"
#include "common/tls/tls_idna.h"
#include "smtpd/admin/admin.h"
#include "smtpd/admin/alert.h"
#include "smtpd/admin/clients.h"
#include "smtpd/admin/dkim.h"
#include "smtpd/admin/letter.h"
#include "smtpd/admin/manage.h"
#include "smtpd/admin/reports.h"
#include "smtpd/admin/reports_send.h"
#include "smtpd/auth/verify.h"
#include "smtpd/filter/filter.h"
#include "smtpd/job/requests.h"
#include "smtpd/options.h"
#include "smtpd/queue/runner.h"
#include "smtpd/resolver/serve.h"
#include "smtpd/send/notice.h"
#include "smtpd/send/submit.h"
#include "smtpd/session/events.h"
#include "smtpd/session/run.h"
#include "smtpd/worker/delivery.h"
#include "smtpd/worker/dnsbl.h"
#include "smtpd/worker/etrn.h"
#include "smtpd/worker/label.h"
#include "smtpd/worker/login.h"
#include "smtpd/worker/next_hop.h"
#include "smtpd/worker/rcpt.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

static const struct service smtp = {
	.name = "smtpd",
	.refusals = {
	    .too_many = "421 4.7.0 Too many sessions, try again later\r\n",
	    .not_ready = "421 4.3.2 Not ready, try again later\r\n",
	    .unwelcome = "421 4.7.0 Too many errors from your address, "
			 "try again later\r\n",
	},
	.refused = event_refused,
	.life = SESSION_LIFE,
	.life_before_login = SESSION_LIFE,
	.body = true,
	.proxied = proxied_start,
	.session = session_run,
	.jobs = {
	    [REQUEST_LOGIN] = { login_noted_run, login_valid },
	    [REQUEST_SALT] = { login_salt_run, login_valid },
	    [REQUEST_PROOF] = { login_proof_run, login_valid },
	    [REQUEST_NAME] = { login_name_run, login_valid },
	    [REQUEST_PASSWD] = { own_password_run, own_password_valid },
	    [REQUEST_RCPT] = { rcpt_run, rcpt_valid },
	    [REQUEST_DELIVER] = { delivery_run, delivery_valid },
	    [REQUEST_FLUSH] = { etrn_run, etrn_valid },
	    [REQUEST_DNSBL] = { dnsbl_run, dnsbl_valid },
	    [REQUEST_LABEL] = { label_run, label_valid },
	    [REQUEST_VERIFY] = { verify_run, verify_valid },
	    [REQUEST_FILTER] = { filter_run, filter_valid },
	    [REQUEST_NEXT_HOP] = { next_hop_run, next_hop_valid },
	    [REQUEST_ENQUEUE] = { enqueue_run, delivery_valid },
	},
	.errand = { runner_is_due, runner_run_due, runner_wake },
};

/* Logs to the terminal, if there is one: cron would mail the output. */
static int
run_queue(const struct config *config, const struct queue_run *run)
{
	runner_woken();
	log_start(config, "smtpd", isatty(STDERR_FILENO) == 1);
	(void)stats_open(config); /* or nothing is counted */
	if (run->id == NULL && run->match == NULL) {
		reports_send(&smtp, config);
	}
	return runner_run(config, run);
}

/* What is not about mail itself. */
static int
administer(const struct options *o, const struct config *config)
{
	switch ((int)o->action) {
	case ACTION_PASSWD:
		return passwd_run(config, &o->passwd);
	case ACTION_USERS:
		return users_list(config);
	case ACTION_VACATION:
		return vacation_run(config, &o->vacation);
	case ACTION_CHECK:
		return admin_check(config, o->json);
	case ACTION_STATS:
		return o->letter.page != NULL
		           ? admin_page(config, &o->letter)
		           : admin_stats(
				 config, o->json ? STATS_JSON : o->stats);
	case ACTION_LETTER:
		return admin_letter(&smtp, config, &o->letter);
	case ACTION_ALERT:
		return alert_run(config);
	case ACTION_PENALTIES:
		return admin_penalties(config);
	case ACTION_FORGIVE:
		return admin_forgive(config, o->forgiven);
	case ACTION_DKIM:
		return admin_dkim(config, o->dkim, o->rotate);
	case ACTION_DNS:
		return admin_dns(
		    config, o->recipients[0], o->zone, o->policy, o->json);
	case ACTION_CLIENTS:
		return admin_clients(
		    config, o->recipients[0], o->clients, o->apple);
	case ACTION_REPORTS:
		return admin_reports(config, o->recipients, o->json);
	case ACTION_EXPLAIN:
		return admin_explain(config, o->from, o->recipients);
	case ACTION_VERIFY:
		return admin_verify(config, o->from, o->recipients);
	default: /* needs no configuration, and never comes here */
		return EX_SOFTWARE;
	}
}

static int
act(const struct options *o, const struct config *config)
{
	switch ((int)o->action) {
	case ACTION_SERVE:
		return server_run(&smtp, &o->launch, config);
	case ACTION_SUBMIT:
		return o->notice.wanted
		           ? notice_send(&smtp, config, o)
		           : submit(&smtp, config, o, STDIN_FILENO);
	case ACTION_MAILQ:
		return manage_list(config, o->json);
	case ACTION_HOLD:
		return manage_verb(config, MANAGE_HOLD, o->recipients);
	case ACTION_RELEASE:
		return manage_verb(config, MANAGE_RELEASE, o->recipients);
	case ACTION_REMOVE:
		return manage_verb(config, MANAGE_REMOVE, o->recipients);
	case ACTION_BOUNCE:
		return manage_verb(config, MANAGE_BOUNCE, o->recipients);
	case ACTION_SHOW:
		return manage_verb(config, MANAGE_SHOW, o->recipients);
	case ACTION_ADOPT:
		return manage_adopt(config, o->adopted);
	case ACTION_QUEUE:
		return run_queue(config, &o->run);
	case ACTION_NEWALIASES:
	case ACTION_NOTHING:
		return EX_OK; /* nothing is compiled, no host status kept */
	default:
		return administer(o, config);
	}
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
	launch_fill_descriptors();
	log_open("smtpd", client ? LOG_TO_SYSLOG : LOG_TO_PERSON);
	umask(077);
	idna_use(tls_idna_label, NULL);
	if (options_parse(&options, argc, argv, error) == -1) {
		log_error("%s (see --help)", error);
		return EX_USAGE;
	}
	if (tell(options.action)) {
		return EX_OK;
	}
	if (options.action == ACTION_SETUP) {
		options.setup.address = options.recipients[0];
		return admin_setup(&options.setup, options.config);
	}
	if (options.action == ACTION_RESOLVER) {
		return resolver_serve(); /* the configuration has secrets */
	}
	if ((config = config_load(options.config, error)) == NULL) {
		log_error("%s", error);
		return EX_CONFIG;
	}
	if (options.action != ACTION_CHECK) {
		config_hide_passwords(config);
	}
	int status = act(&options, config);
	free(config);
	return status;
}
