/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ADMIN_ALERT_H
#define RESTANTE_SMTPD_ADMIN_ALERT_H

#include "common/config/config.h"

/*
 * smtpd --alert: looks for each kind of trouble, prints what there is, and
 * starts the command of the key "alert" once when a kind begins and once when
 * it has ended.  STATE/alerts keeps what has been told; a command that fails
 * has told nothing, and is started again by the next look.  What cannot be
 * found out is as it was.  An exit status.
 */
int alert_run(const struct config *);

#endif
