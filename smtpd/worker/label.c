/* SPDX-License-Identifier: ISC */
/* Maps a label of a domain for a session. */
#include "smtpd/worker/label.h"

#include "common/process/privilege.h"
#include "common/process/sandbox.h"
#include "common/text/address.h"
#include "common/tls/tls.h"
#include "common/tls/tls_idna.h"

#include <string.h>

_Static_assert((int)IDNA_LABEL < (int)CHANNEL_DATA, "see label_run()");

bool
label_valid(const void *payload, size_t size)
{
	(void)payload;
	return size > 0 && size <= ADDRESS_DOMAIN;
}

enum status
label_run(const struct task *task)
{
	char label[IDNA_LABEL + 1] = "";

	tls_preload();
	privilege_become_client(task->config, SANDBOX_MEMORY);
	switch (tls_idna_label(NULL, task->payload, task->size, label)) {
	case IDNA_OK:
		memcpy(task->reply->data, label, sizeof(label));
		task->reply->size = sizeof(label);
		return STATUS_OK;
	case IDNA_NO:
	case IDNA_LONG:
		return STATUS_NO;
	case IDNA_LATER:
		break;
	}
	return STATUS_TEMPORARY;
}
