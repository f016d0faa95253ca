/* SPDX-License-Identifier: ISC */
/* --dns: what is done about the records of a domain. */
#include "smtpd/admin/zone.h"

#include "smtpd/admin/zone_private.h"

#include "common/log/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/* Writes the policy, and says which record belongs to it. */
static int
write_policy(const struct zone *zone, const char *path)
{
	if (zone_write_policy(zone, path) == -1) {
		log_error("cannot write %s: %s", path, strerror(errno));
		return EX_CANTCREAT;
	}
	printf("; once %s\n; is this file, this record belongs into the DNS:\n"
	       "_mta-sts.%s. IN TXT \"v=STSv1; id=%s\"\n",
	    zone->policy_url, zone->domain, zone->policy_id);
	return EX_OK;
}

int
admin_dns(const struct config *config, const char *domain, enum zone_form form,
    const char *policy, bool json)
{
	int status;
	struct zone *zone = zone_make(config, domain, &status);

	if (zone == NULL) {
		return status;
	}
	if (policy != NULL) {
		status = write_policy(zone, policy);
	} else if (form == ZONE_CHECK) {
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

int
admin_dns_services(const struct config *config, const char *domain)
{
	int status;
	struct zone *zone = zone_make_services(config, domain, &status);

	if (zone != NULL) {
		zone_print_records(zone);
	}
	free(zone);
	return status;
}
