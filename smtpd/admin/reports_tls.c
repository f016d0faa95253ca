/* SPDX-License-Identifier: ISC */
/* Reads a report on TLS, RFC 8460 section 4.4. */
#include "smtpd/admin/reports_private.h"

#include "common/text/json_read.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A report that is being read. */
struct reading {
	struct json json;
	struct report_head head;
	struct report_tls row;
	uint64_t good, failed; /* of the policy in hand */
	size_t policies;
	int domain; /* of the policy in hand; -1: there is no room for it */
	bool counted[REPORT_DOMAINS];
};

#define COPY(member, text) report_copy(member, sizeof(member), text)

/* A time as RFC 3339 has it; 0: it is none. */
static int64_t
seconds(const char *text)
{
	struct tm tm = { .tm_mday = 1 };

	return strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) == NULL
	           ? 0
	           : (int64_t)timegm(&tm);
}

static void
read_head(struct reading *r)
{
	const struct json *j = &r->json;
	struct report_head *h = &r->head;

	if (json_is(j, "organization-name")) {
		COPY(h->org, j->text);
	} else if (json_is(j, "report-id")) {
		COPY(h->id, j->text);
	} else if (json_is(j, "date-range/start-datetime")) {
		h->domain.begin = seconds(j->text);
	} else if (json_is(j, "date-range/end-datetime")) {
		h->domain.end = seconds(j->text);
	} else if (json_is(j, "policies//policy/policy-domain") &&
		   h->domain.name[0] == '\0') {
		report_copy_word(h->domain.name, REPORT_NAME, j->text);
	}
}

static void
read_policy(struct reading *r, struct report_sum *sum)
{
	const struct json *j = &r->json;
	uint32_t domain = r->row.key.domain;
	static const char detail[] = "policies//failure-details//";
	char path[REPORT_NAME];

	if (json_is(j, "policies//summary/"
		       "total-successful-session-count")) {
		report_tls_count(sum, domain, report_number(j->text), 0);
	} else if (json_is(j, "policies//summary/"
			      "total-failure-session-count")) {
		report_tls_count(sum, domain, 0, report_number(j->text));
	}
	strlcpy(path, detail, sizeof(path));
	strlcat(path, j->depth > 0 ? j->names[j->depth - 1] : "", sizeof(path));
	if (!json_is(j, path)) {
		return;
	}
	if (strcmp(path + sizeof(detail) - 1, "result-type") == 0) {
		COPY(r->row.key.result, j->text);
	} else if (strcmp(path + sizeof(detail) - 1, "receiving-mx-hostname") ==
		   0) {
		report_copy_word(r->row.key.host, REPORT_NAME, j->text);
	} else if (strcmp(path + sizeof(detail) - 1, "failed-session-count") ==
		   0) {
		r->row.count = report_number(j->text);
	}
}

/* Looks at the whole of it before anything counts. */
static const char *
read_whole(struct reading *r, const char *text, size_t len)
{
	enum json_event event;

	r->json = (struct json){ .at = text, .end = text + len };
	while ((event = json_next(&r->json)) < JSON_DONE) {
		if (event == JSON_VALUE) {
			read_head(r);
		} else if (event == JSON_OPEN) {
			r->policies += json_is(&r->json, "policies/");
		}
	}
	return event == JSON_WRONG              ? r->json.why
	       : r->policies == 0               ? "it is no report on TLS"
	       : r->head.domain.name[0] == '\0' ? "it names no domain"
	                                        : NULL;
}

/* Begins with a policy: what it is about may come after its failures. */
static void
begin_policy(struct reading *r, struct report_sum *sum)
{
	static const char type[] = "policies//policy/policy-type",
			  domain[] = "policies//policy/policy-domain";
	struct json ahead = r->json;
	enum json_event event;
	struct report_head h = r->head;

	memset(&r->row, 0, sizeof(r->row));
	while ((event = json_next(&ahead)) < JSON_DONE &&
	       !(event == JSON_CLOSE && json_is(&ahead, "policies/"))) {
		if (event == JSON_VALUE && json_is(&ahead, type)) {
			COPY(r->row.key.policy, ahead.text);
		} else if (event == JSON_VALUE && json_is(&ahead, domain)) {
			report_copy_word(
			    h.domain.name, REPORT_NAME, ahead.text);
		}
	}
	r->domain = report_tls_domain(sum, &h, r->counted);
	r->row.key.domain = r->domain == -1 ? 0 : (uint32_t)r->domain;
}

static void
add_policies(
    struct reading *r, const char *text, size_t len, struct report_sum *sum)
{
	enum json_event event;

	if (!report_tls_begin(sum, &r->head)) {
		return;
	}
	r->domain = -1;
	r->json = (struct json){ .at = text, .end = text + len };
	while ((event = json_next(&r->json)) < JSON_DONE) {
		bool policy = json_is(&r->json, "policies/");
		bool detail = json_is(&r->json, "policies//failure-details/");
		if (event == JSON_OPEN && policy) {
			begin_policy(r, sum);
		} else if (r->domain == -1) {
			continue;
		} else if (event == JSON_OPEN && detail) {
			memset(r->row.key.result, 0, sizeof(r->row.key.result));
			memset(r->row.key.host, 0, sizeof(r->row.key.host));
			r->row.count = 0;
		} else if (event == JSON_CLOSE && detail) {
			report_tls_add(sum, &r->row);
		} else if (event == JSON_VALUE) {
			read_policy(r, sum);
		}
	}
}

const char *
report_tls_read(const char *text, size_t len, struct report_sum *sum)
{
	struct reading *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		return "not enough memory";
	}
	const char *why = read_whole(r, text, len);
	if (why == NULL) {
		add_policies(r, text, len, sum);
	}
	free(r);
	return why;
}
