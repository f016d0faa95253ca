/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ADMIN_SETUP_H
#define RESTANTE_SMTPD_ADMIN_SETUP_H

#include "common/config/config.h"

#include <stdbool.h>

/* smtpd --setup: questions, a plan, and the files of a first configuration. */

/* The wishes on the command line; NULL: not given. */
struct setup_wish {
	const char *address, *hostname, *relay;
	/* A file with the relay's password, or a source of relay-password. */
	const char *relay_password;
	const char *tls; /* as the key tls, or "self" */
	bool dry_run;    /* print the plan, and end */
	bool yes;        /* ask nothing */
	bool local_only; /* open no port */
	bool no_start;   /* run no systemctl */
};

/*
 * Sets the machine up, as root; or, as somebody else or with a file (of -c),
 * a server on high ports in a folder of its own.  An exit status: 0 all done,
 * 1 something remains to be done, which is printed.
 */
int admin_setup(const struct setup_wish *, const char *file);

#endif
