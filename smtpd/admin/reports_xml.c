/* SPDX-License-Identifier: ISC */
/* Reads an aggregate report, RFC 9990 appendix A, or of RFC 7489. */
#include "smtpd/admin/reports_private.h"

#include "common/text/xml.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A report that is being read. */
struct reading {
	struct xml xml;
	struct report_head head;
	struct report_row row;
	/* Of the result of one signature, or of SPF, in hand. */
	char domain[REPORT_NAME];
	bool passes;
	uint64_t records;
};

#define COPY(member, text) report_copy_word(member, sizeof(member), text)

/* The text of an element that is a report's own. */
static void
read_head(struct reading *r)
{
	const struct xml *x = &r->xml;
	struct report_head *h = &r->head;

	if (xml_is(x, "feedback/report_metadata/org_name")) {
		report_copy(h->org, sizeof(h->org), x->text);
	} else if (xml_is(x, "feedback/report_metadata/report_id")) {
		report_copy(h->id, sizeof(h->id), x->text);
	} else if (xml_is(x, "feedback/report_metadata/date_range/begin")) {
		h->domain.begin = (int64_t)report_number(x->text);
	} else if (xml_is(x, "feedback/report_metadata/date_range/end")) {
		h->domain.end = (int64_t)report_number(x->text);
	} else if (xml_is(x, "feedback/policy_published/domain")) {
		COPY(h->domain.name, x->text);
	} else if (xml_is(x, "feedback/policy_published/p")) {
		COPY(h->domain.policy, x->text);
	}
}

/* The results of SPF and DKIM themselves: of a signature that passes, the
   first. */
static void
read_result(struct reading *r)
{
	struct report_key *k = &r->row.key;
	const struct xml *x = &r->xml;
	const char *last = x->names[x->depth - 1];

	if (x->depth == 5 && strcmp(last, "domain") == 0) {
		COPY(r->domain, x->text);
	} else if (x->depth == 5 && strcmp(last, "result") == 0) {
		r->passes = strcasecmp(x->text, "pass") == 0;
	} else if (xml_is(x, "feedback/record/auth_results/dkim") &&
		   r->passes && k->signer[0] == '\0') {
		memcpy(k->signer, r->domain, sizeof(k->signer));
	} else if (xml_is(x, "feedback/record/auth_results/spf") &&
		   k->sender[0] == '\0') {
		memcpy(k->sender, r->domain, sizeof(k->sender));
		k->sender_passes = r->passes;
	}
}

static void
read_row(struct reading *r)
{
	struct report_key *k = &r->row.key;
	const struct xml *x = &r->xml;

	if (xml_is(x, "feedback/record/row/source_ip")) {
		COPY(k->source, x->text);
	} else if (xml_is(x, "feedback/record/row/count")) {
		r->row.count = report_number(x->text);
	} else if (xml_is(
		       x, "feedback/record/row/policy_evaluated/disposition")) {
		COPY(k->done, x->text);
	} else if (xml_is(x, "feedback/record/row/policy_evaluated/dkim")) {
		k->dkim = strcasecmp(x->text, "pass") == 0;
	} else if (xml_is(x, "feedback/record/row/policy_evaluated/spf")) {
		k->spf = strcasecmp(x->text, "pass") == 0;
	} else if (xml_is(
		       x, "feedback/record/row/policy_evaluated/reason/type") &&
		   k->reason[0] == '\0') {
		COPY(k->reason, x->text);
	} else if (xml_is(x, "feedback/record/identifiers/header_from")) {
		COPY(k->from, x->text);
	} else if (x->depth >= 4 && strcmp(x->names[2], "auth_results") == 0) {
		read_result(r);
	}
}

static void
start(struct reading *r)
{
	const struct xml *x = &r->xml;

	if (xml_is(x, "feedback/record")) {
		memset(&r->row, 0, sizeof(r->row));
	} else if (x->depth == 4 && strcmp(x->names[2], "auth_results") == 0) {
		memset(r->domain, 0, sizeof(r->domain));
		r->passes = false;
	}
}

/* Looks at the whole of it before anything counts. */
static const char *
read_whole(struct reading *r, const char *xml, size_t len)
{
	enum xml_event event;

	r->xml = (struct xml){ .at = xml, .end = xml + len };
	while ((event = xml_next(&r->xml)) < XML_DONE) {
		if (r->xml.depth == 1 &&
		    strcmp(r->xml.names[0], "feedback") != 0) {
			return "it is no report of DMARC";
		}
		if (event == XML_START) {
			r->records += xml_is(&r->xml, "feedback/record");
		} else {
			read_head(r);
		}
	}
	if (event == XML_WRONG) {
		return r->xml.why;
	}
	return r->head.domain.name[0] == '\0' ? "it names no domain"
	       : r->records == 0              ? "it has no record"
	                                      : NULL;
}

/* Adds the records; a source that is none is left out. */
static void
add_records(
    struct reading *r, const char *xml, size_t len, struct report_sum *sum)
{
	int domain = report_sum_begin(sum, &r->head);
	enum xml_event event;

	if (domain == -1) {
		return;
	}
	r->xml = (struct xml){ .at = xml, .end = xml + len };
	while ((event = xml_next(&r->xml)) < XML_DONE) {
		if (event == XML_START) {
			start(r);
		} else if (xml_is(&r->xml, "feedback/record")) {
			r->row.key.domain = (uint32_t)domain;
			report_sum_add(sum, &r->row);
		} else {
			read_row(r);
		}
	}
}

const char *
report_read(const char *xml, size_t len, struct report_sum *sum)
{
	struct reading *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		return "not enough memory";
	}
	const char *why = read_whole(r, xml, len);
	if (why == NULL) {
		add_records(r, xml, len, sum);
	}
	free(r);
	return why;
}
