/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_LOGIN_SECRET_H
#define RESTANTE_COMMON_LOGIN_SECRET_H

#include "common/config/config.h"

#include <stdint.h>

/* A secret of this machine, for answers that stay the same and that others
 * cannot predict; for workers.
 */

enum { SECRET_SIZE = 32 };

/*
 * The secret in the folder of the key state's; makes it if there is none.
 * When it can be neither read nor made, that is logged, and the secret is a
 * well-known one.
 */
void secret_get(const struct config *, uint8_t secret[SECRET_SIZE]);

#endif
