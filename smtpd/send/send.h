/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SEND_SEND_H
#define RESTANTE_SMTPD_SEND_SEND_H

#include "common/server/server.h"
#include "smtpd/options.h"

/*
 * Makes a message out of stdin, files and the options, and submits it.  It lies
 * in a file without a name first, so that what cannot be read to its end is not
 * sent.  An exit status of sysexits.h; 0 for what was held back, too.
 */
int send_notice(
    const struct service *, const struct config *, const struct options *);

#endif
