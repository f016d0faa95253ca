/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_POP3D_OPTIONS_H
#define RESTANTE_POP3D_OPTIONS_H

#include "common/server/launch.h"

/* The command line of pop3d. */

enum action {
	ACTION_SERVE,
	ACTION_CHECK,
	ACTION_RECOVER,
	ACTION_LAST_LOGIN,
	ACTION_DELETED,
	ACTION_UNDELETE,
	ACTION_BACKUP,
	ACTION_RESTORE,
	ACTION_IMPORT,
	ACTION_VERSION,
	ACTION_HELP,
};

struct options {
	enum action action;
	const char *config; /* -c */
	bool json;          /* --json */
	const char *uidls;  /* --uidls */
	const char *format; /* --uidl-format */
	struct launch launch;
	char **operands; /* NULL at the end */
};

/* 0, or -1 with a message for people in error. */
int options_parse(struct options *, int argc, char **argv,
    char error[CONFIG_ERROR]) __attribute__((warn_unused_result));

/* --help. */
void options_help(void);

#endif
