/* SPDX-License-Identifier: ISC */
/* What is said about a message: in its header section, and in the log. */
#include "smtpd/auth/verify_private.h"

#include "common/io/deadline.h"
#include "common/log/log.h"
#include "common/log/stats.h"

#include <stdio.h>
#include <string.h>

enum { LINE = 1024 };

static const char name_octets[] = "abcdefghijklmnopqrstuvwxyz0123456789-._";

static const char *
action_of(const struct verification *v)
{
	return v->outcome != VERIFY_ACCEPT          ? "reject"
	       : v->vouched                         ? "arc"
	       : v->marked && v->dmarc.list_vouched ? "list"
	       : v->marked                          ? "mark"
	                                            : "none";
}

static const char *
dmarc_result_of(const struct verification *v)
{
	return v->no_author ? "permerror" : dmarc_word(v->result);
}

/* ---- the field ---- */

static void
write_dkim(struct verification *v)
{
	size_t n = dkim_count(v->dkim);
	struct dkim_report r;

	if (n == 0) {
		results_add(&v->results, "dkim", "none", NULL, NULL);
	}
	for (size_t i = 0; i < n; i++) {
		dkim_report(v->dkim, i, &r);
		results_add(&v->results, "dkim", dkim_result_name(r.result),
		    NULL,
		    r.testing && r.reason[0] == '\0' ? "testing key"
						     : r.reason);
		results_property(&v->results, "header.d", r.domain);
		results_property(&v->results, "header.s", r.selector);
		results_property(&v->results, "header.a", r.algorithm);
		results_property(&v->results, "header.b", r.start);
		if (r.result == DKIM_PASS) {
			stats_add(STATS_DKIM_PASS, 1);
		} else if (r.result == DKIM_FAIL) {
			stats_add(STATS_DKIM_FAIL, 1);
		}
	}
}

static void
write_spf(struct verification *v)
{
	bool null = v->question.sender[0] == '\0';

	results_add(&v->results, "spf", spf_word(v->sender.result), NULL,
	    v->sender.reason);
	results_property(&v->results, null ? "smtp.helo" : "smtp.mailfrom",
	    null ? v->question.helo : v->question.sender);
	if (!null) {
		results_add(&v->results, "spf", spf_word(v->helo.result), NULL,
		    v->helo.reason);
		results_property(&v->results, "smtp.helo", v->question.helo);
	}
	if (v->sender.result == SPF_PASS) {
		stats_add(STATS_SPF_PASS, 1);
	} else if (v->sender.result == SPF_FAIL) {
		stats_add(STATS_SPF_FAIL, 1);
	}
}

static void
write_dmarc(struct verification *v)
{
	char comment[64] = "";

	if (v->policy_domain[0] != '\0') {
		snprintf(comment, sizeof(comment), "p=%s; action=%s",
		    dmarc_policy_word(v->published), action_of(v));
	}
	results_add(&v->results, "dmarc", dmarc_result_of(v), comment,
	    v->no_author ? "no author to vouch for"
	    : v->vouched ? "its chain is of trusted sealers"
	    : v->apply == DMARC_REJECT && v->spared != NULL ? v->spared
							    : NULL);
	results_property(&v->results, "header.from", v->from);
	if (v->policy_domain[0] != '\0') {
		results_property(&v->results, "policy.dmarc",
		    dmarc_policy_word(v->published));
	}
}

static void
write_reverse(struct verification *v)
{
	if (v->reverse != NULL) {
		bool plain = strspn(v->host, name_octets) == strlen(v->host);
		results_add(&v->results, "iprev", v->reverse,
		    plain ? v->host : NULL, NULL);
		results_property(&v->results, "policy.iprev", v->peer->address);
	}
}

/* Received-SPF, for filters that read no Authentication-Results. */
static void
write_received(struct verification *v)
{
	bool null = v->question.sender[0] == '\0';
	struct results *r = &v->received;

	results_begin_spf(r, spf_word(v->sender.result));
	results_key(r, "client-ip", v->peer->address);
	results_key(r, "envelope-from", v->question.sender);
	results_key(r, "helo", v->question.helo);
	results_key(r, "receiver", v->config->hostname);
	results_key(r, "identity", null ? "helo" : "mailfrom");
	results_key(r, "problem", v->sender.reason);
	results_end(r);
}

/* ---- the log ---- */

static void
count_dmarc(const struct verification *v)
{
	if (v->result == DMARC_PASS) {
		stats_add(STATS_DMARC_PASS, 1);
	} else if (v->result == DMARC_FAIL) {
		stats_add(STATS_DMARC_FAIL, 1);
	}
	if (v->outcome == VERIFY_POLICY) {
		stats_add(STATS_DMARC_REFUSED, 1);
	}
	if (v->marked) {
		stats_add(STATS_DMARC_MARKED, 1);
	}
}

static void
add_signatures(const struct verification *v, struct writer *w)
{
	size_t n = dkim_count(v->dkim);
	struct dkim_report r;

	if (n == 0) {
		writer_text(w, " dkim=none");
	}
	for (size_t i = 0; i < n; i++) {
		dkim_report(v->dkim, i, &r);
		writer_text(w, " dkim=");
		writer_text(w, dkim_result_name(r.result));
		writer_text(w, " header.d=");
		writer_text(w, r.domain);
		writer_text(w, " header.s=");
		writer_text(w, r.selector);
	}
}

static void
add_chain(const struct verification *v, struct writer *w)
{
	struct arc_report r;

	arc_report(v->arc, &r);
	if (r.result != ARC_NONE) {
		writer_text(w, " arc=");
		writer_text(w, arc_result_name(r.result));
	}
}

static void
tell_log(const struct verification *v)
{
	char line[LINE];
	struct writer w = { .out = line, .size = sizeof(line) };
	int64_t took = deadline_now() - v->started;
	char sender[ADDRESS_TEXT];

	add_signatures(v, &w);
	add_chain(v, &w);
	if (writer_finish(&w) == -1) {
		snprintf(line, sizeof(line), " dkim=...");
	}
	log_info("%s: auth spf=%s smtp.mailfrom=<%s>%s dmarc=%s p=%s "
		 "header.from=%s action=%s time=%lld.%02lld",
	    v->question.id, spf_word(v->sender.result),
	    log_path(v->question.sender, sender, sizeof(sender)), line,
	    dmarc_result_of(v), dmarc_policy_word(v->published), v->from,
	    action_of(v), (long long)took / 1000, (long long)took % 1000 / 10);
}

/* What there is to say about a stranger's message. */
static void
write_all(struct verification *v)
{
	if (v->config->dmarc != DMARC_OFF) {
		write_dmarc(v);
	}
	write_spf(v);
	write_dkim(v);
	verify_chain_write(v);
	write_reverse(v);
	if (v->config->received_spf) {
		write_received(v);
	}
	stats_add(STATS_AUTH_CHECKED, 1);
	count_dmarc(v);
	tell_log(v);
}

void
verify_write(struct verification *v)
{
	bool any = v->question.exempt == 0 || dkim_count(v->dkim) > 0;

	results_begin(&v->results, v->config->auth_id);
	if (v->question.exempt == 0) {
		write_all(v);
	} else if (any) {
		write_dkim(v);
	}
	if (any) {
		results_end(&v->results);
	} else {
		v->results.w.len = 0; /* no field at all */
	}
}
