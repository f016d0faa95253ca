/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_OPTIONS_PRIVATE_H
#define RESTANTE_SMTPD_OPTIONS_PRIVATE_H

#include "common/config/option.h"
#include "smtpd/options.h"

/* Shared by the files that parse the command line. */

/* All options: options_table.c. */
extern const struct option_table options_table;

/* Checks that all options fit together: options.c. */
int options_decide(
    void *, unsigned *verb, bool operands, char error[CONFIG_ERROR]);

/* The arguments that are more than a text, for the table. */
typedef int options_take(void *, const struct option_row *,
    const char *argument, char error[CONFIG_ERROR]);

/* ---- options_sendmail.c: those of all sendmail commands ---- */

options_take options_mode;       /* -b: what to do */
options_take options_queue;      /* -q, with or without an interval, or f */
options_take options_queue_part; /* -qI, -qR, -qS */
options_take options_newaliases; /* -I */
options_take options_dot;        /* -oi */
options_take options_body;       /* -B */

/* ---- options_dsn.c: reports ---- */

options_take options_notify; /* -N never, or a list of the others */
options_take options_return; /* -R full or hdrs */
options_take options_envid;  /* -V, an envelope identifier */

/* ---- options_values.c: ours ---- */

options_take options_listen;     /* -l */
options_take options_role;       /* --role */
options_take options_notice;     /* -s and its like */
options_take options_zone;       /* --web and --check of --dns */
options_take options_clients;    /* --thunderbird and its like */
options_take options_prometheus; /* --prometheus */
options_take options_passwd;     /* --label, --for, --until, --credential */

#endif
