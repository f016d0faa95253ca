/* SPDX-License-Identifier: ISC */
/* What sessions have asked, passwords among it: forgotten in time. */
#include "common/server/slot.h"

#include <stdlib.h>
#include <string.h>

void
request_end(struct server *s, struct slot *slot)
{
	if (slot->payload != NULL) {
		explicit_bzero(slot->payload, slot->size);
		free(slot->payload);
		slot->payload = NULL;
	}
	s->checks -= slot->checking;
	slot->checking = slot->waiting = false;
}

void
request_forget_others(const struct server *s, const struct slot *own)
{
	for (size_t i = 0; i < s->nslots; i++) {
		const struct slot *slot = &s->slots[i];
		if (slot->used && slot != own && slot->payload != NULL) {
			explicit_bzero(slot->payload, slot->size);
		}
	}
}
