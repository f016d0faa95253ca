/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_SESSION_PROXIED_H
#define RESTANTE_COMMON_SESSION_PROXIED_H

#include "common/job/job.h"

#include <stdbool.h>

/*
 * Connections that come by a proxy (the key proxy): before anything else their
 * session reads the PROXY header and tells the server who the client is, and
 * the server says if that client is served.
 *
 * true: peer and welcome are the client's now.  false: the session ends here;
 * that is logged, and the client is told where it can be.
 */
bool proxied_start(struct connection *) __attribute__((warn_unused_result));

#endif
