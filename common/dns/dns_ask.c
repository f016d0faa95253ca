/* SPDX-License-Identifier: ISC */
/* Questions and answers of the machines of common/auth. */
#include "common/dns/dns_ask.h"

#include <arpa/nameser.h>
#include <string.h>

void
dns_ask_make(const struct ask *ask, struct dns_lookup *l)
{
	static const int types[] = { [ASK_TXT] = ns_t_txt,
		[ASK_A] = ns_t_a,
		[ASK_AAAA] = ns_t_aaaa,
		[ASK_MX] = ns_t_mx,
		[ASK_PTR] = ns_t_ptr };

	strlcpy(l->name, ask->name, sizeof(l->name));
	l->type = types[ask->type];
	l->len = 0;
}

static bool
keep_record(void *context, const char *data, size_t len)
{
	struct dns_asked *a = context;

	if (a->answer.n == ASK_RECORDS || len > sizeof(a->pool) - a->used) {
		return false;
	}
	memcpy(a->pool + a->used, data, len);
	a->answer.record[a->answer.n++] =
	    (struct span){ a->pool + a->used, len };
	a->used += len;
	return true;
}

void
dns_ask_read(const struct dns_lookup *l, struct dns_asked *a)
{
	static const enum ask_status statuses[] = { [DNS_OK] = ASK_OK,
		[DNS_NONE] = ASK_NO_NAME,
		[DNS_NO_DATA] = ASK_NO_DATA,
		[DNS_TEMPORARY] = ASK_FAILED };

	a->answer.n = a->used = 0;
	a->answer.status = l->len == 0 ? ASK_FAILED
	                               : statuses[dns_parse_each(l->answer,
					     l->len, l->type, keep_record, a)];
	if (a->answer.status != ASK_OK) {
		a->answer.n = 0;
	}
}
