/* SPDX-License-Identifier: ISC */
/* --dns: what is done about the records of a domain. */
#include "smtpd/admin/zone.h"

#include "smtpd/admin/zone_private.h"

#include <stdlib.h>

int
admin_dns(const struct config *config, const char *domain, enum zone_form form,
    bool json)
{
	int status;
	struct zone *zone = zone_make(config, domain, &status);

	if (zone == NULL) {
		return status;
	}
	if (form == ZONE_CHECK) {
		status = zone_check(zone, json);
	} else if (json) {
		zone_print_json(zone);
	} else if (form == ZONE_WEB) {
		zone_print_web(zone);
	} else {
		zone_print_file(zone);
	}
	free(zone);
	return status;
}
