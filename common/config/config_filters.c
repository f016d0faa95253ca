/* SPDX-License-Identifier: ISC */
/* Filters (milters), and what is done without them. */
#include "common/config/config_private.h"
#include "common/milter/place.h"

#include <string.h>
#include <strings.h>

enum { LONGEST = 500 }; /* seconds; clients wait for ten minutes */

int
config_set_filter(
    const struct config_place *at, struct config *c, const char *value)
{
	struct milter_place place;

	while (*value != '\0') {
		size_t n = strcspn(value, " \t");
		if (c->nfilters == CONFIG_LIST) {
			return config_fail(at, "too many filters from", value);
		}
		char *filter = c->filters[c->nfilters];
		if (n < CONFIG_NAME) {
			memcpy(filter, value, n);
			filter[n] = '\0';
		}
		if (n >= CONFIG_NAME || !milter_place(filter, &place)) {
			return config_fail(at,
			    "unix:/PATH, or inet:ADDRESS:PORT with an address "
			    "or localhost expected, not",
			    value);
		}
		c->nfilters++;
		value += n;
		value += strspn(value, " \t");
	}
	return 0;
}

int
config_set_filter_failure(
    const struct config_place *at, struct config *c, const char *value)
{
	c->filter_accept = strcasecmp(value, "accept") == 0;
	return c->filter_accept || strcasecmp(value, "tempfail") == 0
	           ? 0
	           : config_fail(at, "tempfail or accept expected, not", value);
}

int
config_set_filter_timeout(
    const struct config_place *at, struct config *c, const char *value)
{
	if (config_set_count(at, &c->filter_timeout, value) == -1) {
		return -1;
	}
	return c->filter_timeout >= 1 && c->filter_timeout <= LONGEST
	           ? 0
	           : config_fail(at, "1 to 500 seconds expected, not", value);
}
