/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SEND_IDENTITY_H
#define RESTANTE_SMTPD_SEND_IDENTITY_H

#include "common/text/address.h"

#include <stddef.h>
#include <sys/types.h>

/* The user that runs the command: by uid alone, since the environment is
   anybody's to set. */

enum { IDENTITY_NAME = 400 };

struct identity {
	char login[ADDRESS_LOCAL + 1]; /* "uid1000" for one without a name */
	char name[IDENTITY_NAME + 1];  /* the full name, or "" */
};

/* 0; -1: that cannot be found out now, and errno and the log say why. */
int identity_find(uid_t, struct identity *) __attribute__((warn_unused_result));

/*
 * The full name in the field that accounts have for it: up to the first comma,
 * with "&" for the login, its first letter a capital.  "": none, or it does
 * not fit.  Pure.
 */
void identity_full_name(
    const char *gecos, const char *login, char out[IDENTITY_NAME + 1]);

#endif
