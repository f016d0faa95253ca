/* SPDX-License-Identifier: ISC */
/* Who gets a copy of a message. */
#include "smtpd/route/archive.h"

#include <string.h>
#include <strings.h>

const char *
archive_address(
    const struct config *config, const struct mail *envelope, bool ours)
{
	const char *to = ours ? config->archive_out : config->archive_in;

	if (to[0] == '\0' || envelope->sender[0] == '\0') {
		return NULL;
	}
	for (size_t i = 0; i < envelope->count; i++) {
		if (strcasecmp(envelope->recipients[i].text, to) == 0) {
			return NULL;
		}
	}
	return to;
}

struct recipient
archive_recipient(const char *address)
{
	return (struct recipient){ .target = TARGET_ADDRESS,
		.text = address,
		.given = address,
		.owner = "",
		.orcpt = "",
		.notify = NOTIFY_NEVER };
}

bool
archive_is_copy(const struct config *config, const struct recipient *r)
{
	return (r->notify & NOTIFY_NEVER) != 0 && r->given[0] != '\0' &&
	       (strcasecmp(r->given, config->archive_in) == 0 ||
		   strcasecmp(r->given, config->archive_out) == 0);
}
