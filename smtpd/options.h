/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_OPTIONS_H
#define RESTANTE_SMTPD_OPTIONS_H

#include "common/log/stats_report.h"
#include "common/server/launch.h"
#include "smtpd/admin/clients.h"
#include "smtpd/admin/letter.h"
#include "smtpd/admin/passwd.h"
#include "smtpd/admin/zone.h"
#include "smtpd/admin/setup.h"
#include "smtpd/admin/vacation.h"
#include "smtpd/queue/runner.h"
#include "smtpd/send/notice.h"
#include "spool/mail.h"

#include <stdbool.h>

/* The command line: ours, and sendmail(8)'s. */

enum action {
	ACTION_SERVE,
	ACTION_SUBMIT,
	ACTION_MAILQ,
	ACTION_NEWALIASES,
	ACTION_QUEUE,
	ACTION_PASSWD,
	ACTION_USERS,
	ACTION_VACATION,
	ACTION_CHECK,
	ACTION_SETUP,
	ACTION_ADOPT,
	ACTION_ALERT,
	ACTION_PENALTIES,
	ACTION_STATS,
	ACTION_LETTER,
	ACTION_FORGIVE,
	ACTION_DKIM,
	ACTION_DNS,
	ACTION_CLIENTS,
	ACTION_REPORTS,
	ACTION_EXPLAIN,
	ACTION_VERIFY,
	ACTION_RESOLVER,
	ACTION_NOTHING,
	ACTION_VERSION,
	ACTION_HELP,
	/* On messages of the queue, which the operands name. */
	ACTION_HOLD,
	ACTION_RELEASE,
	ACTION_REMOVE,
	ACTION_BOUNCE,
	ACTION_SHOW,
};

struct options {
	enum action action;
	char mode;          /* the letter that has said so, or 0 */
	const char *config; /* -c */
	struct launch launch;
	struct passwd_change passwd;   /* --passwd and its options */
	struct vacation_wish vacation; /* --vacation and its options */
	struct setup_wish setup;       /* --setup and its options */
	const char *forgiven;          /* --forgive */
	const char *adopted;           /* --adopt */
	const char *dkim;              /* --dkim: a domain */
	enum zone_form zone;           /* --dns */
	const char *policy;            /* --policy: a file */
	enum clients_form clients;     /* --clients */
	const char *apple;             /* a user */
	bool rotate;                   /* --rotate */
	bool json;                     /* -j, --json: for programs */
	enum stats_form stats;         /* --prometheus */
	struct letter_wish letter;     /* --letter, --stats --html */
	struct queue_run run;          /* -q */
	const char *from;              /* -f, -r */
	const char *full_name;         /* -F */
	unsigned notify;            /* -N: bits of enum notify; 0: not said */
	enum ret ret;               /* -R */
	char envid[MAIL_ENVID + 1]; /* -V, as xtext, or "" */
	bool seven_bit;             /* -B7BIT */
	bool dot_is_text;           /* -i */
	bool from_headers;          /* -t */
	struct notice notice;       /* -s and its like */
	char **recipients;          /* the operands, NULL at the end */
};

/* 0, or -1 with a message for people in error. */
int options_parse(struct options *, int argc, char **argv,
    char error[CONFIG_ERROR]) __attribute__((warn_unused_result));

/* --help. */
void options_help(void);

#endif
