/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ADMIN_DKIM_PRIVATE_H
#define RESTANTE_SMTPD_ADMIN_DKIM_PRIVATE_H

#include "smtpd/admin/dkim.h"

/*
 * The files of the keys of a domain.  Whoever is killed on the way, or has no
 * room, leaves what there was, or what there is to be; the next call goes on
 * with it.  Trouble is logged: -1.
 */

enum { DKIM_NAMES_MOST = 32 };

struct dkim_names {
	size_t count;
	char selectors[DKIM_NAMES_MOST][DKIM_KEY_NAME];
};

/* Makes next keys, an RSA and an Ed25519 one, of the kinds of which there is
   none; how many. */
int dkim_files_make(const struct config *, const char *domain,
    const struct dkim_keys *next) __attribute__((warn_unused_result));

/*
 * Takes next keys into use, and those of the same kinds that signed so far out
 * of it, which are added to old.
 */
int dkim_files_switch(const struct config *, const char *domain,
    const struct dkim_keys *next, struct dkim_names *old)
    __attribute__((warn_unused_result));

/* True if that was begun, and not finished. */
bool dkim_files_unfinished(const struct config *, const struct dkim_keys *next);

#endif
