/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ADMIN_SETUP_H
#define RESTANTE_SMTPD_ADMIN_SETUP_H

#include "common/config/config.h"

#include <stdbool.h>

/* smtpd --setup: questions, a plan, and the files of a first configuration. */

/* What the command line says; NULL: not said. */
struct setup_wish {
	const char *address, *hostname, *relay;
	const char *tls; /* a PEM file with key and chain, or "self" */
	bool dry_run;    /* print the plan, and end */
	bool yes;        /* ask nothing */
	bool local_only; /* open no port */
	bool no_start;   /* run no systemctl */
};

/* True if name, without its dashes, is an option of --setup. */
bool setup_has(const char *name);

/* True if that option takes an argument. */
bool setup_wants(const char *name);

/* Takes the option.  0, or -1 with a message for people in error. */
int setup_option(struct setup_wish *, const char *name, const char *argument,
    char error[CONFIG_ERROR]) __attribute__((warn_unused_result));

/*
 * Sets the machine up, as root; or, as somebody else or with a file (of -c),
 * a server on high ports in a folder of its own.  An exit status: 0 all done,
 * 1 something remains to be done, which is printed.
 */
int admin_setup(const struct setup_wish *, const char *file);

#endif
