/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_KEEPER_SRS_KEY_H
#define RESTANTE_COMMON_KEEPER_SRS_KEY_H

#include "common/auth/srs.h"
#include "common/config/config.h"

/*
 * STATE/srs.key: the secret of the senders that forwarded mail has, see
 * common/auth/srs.h.  Lines of 64 hexadecimal digits: the first one signs, the
 * second, if there is one, is what signed before.  Sessions never have it.
 * 0, or -1 with errno (EINVAL: what is there is no key; EPERM: others can read
 * it).
 */

/* count 0: there is none yet, so that nothing was ever signed. */
int srs_key_read(const struct config *, struct srs_keys *)
    __attribute__((warn_unused_result));

/*
 * Makes one where there is none.  Whoever dies on the way has made none that
 * anybody has used, and of two who do it at once both have the same.
 */
int srs_key_make(const struct config *, struct srs_keys *)
    __attribute__((warn_unused_result));

#endif
