/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_POP3D_MAILBOX_UIDL_PRIVATE_H
#define RESTANTE_POP3D_MAILBOX_UIDL_PRIVATE_H

#include "pop3d/mailbox/uidl.h"

#include <stdbool.h>
#include <stdint.h>

struct uidls {
	size_t count;
	uint64_t *numbers; /* 0: our own UIDL */
	bool *shared;      /* our own UIDL follows */
	char **noted;      /* of UIDL_HEADER, or NULL; NULL in it: our own */
};

/*
 * UIDL_HEADER: reads what was noted, and takes out what another message has as
 * well.  0, or -1 with errno as uidls_open().
 */
int uidls_read_noted(struct uidls *, struct mailbox *)
    __attribute__((warn_unused_result));

#endif
