/* SPDX-License-Identifier: ISC */
/* The chain that a message has come with (RFC 8617), and who is believed. */
#include "smtpd/auth/verify_private.h"

#include "common/auth/results_read.h"
#include "common/log/stats.h"

#include <stdio.h>
#include <string.h>

/* Gathers names that are to be asked for, each once, and the questions that
   each answers.  From which question on there are more. */
static size_t
gather(const struct verification *v, size_t from, struct ask asks[DNS_LOOKUPS],
    size_t *n)
{
	char name[DKIM_QUESTION];
	struct ask ask = { .type = ASK_TXT };
	size_t i = from;

	for (*n = 0; i < arc_questions(v->arc); i++) {
		if (!arc_question(v->arc, i, name) ||
		    !ask_name(name, strlen(name), ask.name)) {
			continue;
		}
		size_t k = 0;
		while (k < *n && strcmp(asks[k].name, ask.name) != 0) {
			k++;
		}
		if (k == DNS_LOOKUPS) {
			break;
		}
		asks[k] = ask;
		*n += k == *n;
	}
	return i;
}

/* Gives the answers to all questions that they are for. */
static void
answer(struct verification *v, size_t from, size_t to,
    const struct ask asks[DNS_LOOKUPS], size_t n)
{
	char name[DKIM_QUESTION], asked[ASK_NAME];

	for (size_t i = from; i < to; i++) {
		if (!arc_question(v->arc, i, name) ||
		    !ask_name(name, strlen(name), asked)) {
			continue;
		}
		for (size_t k = 0; k < n; k++) {
			const struct ask_answer *a = &v->records[k].answer;
			if (strcmp(asks[k].name, asked) == 0) {
				arc_answer(v->arc, i, verify_lookup(a->status),
				    a->record, a->n);
			}
		}
	}
}

void
verify_chain(struct verification *v)
{
	struct ask asks[DNS_LOOKUPS];
	size_t from = 0, n;

	while (from < arc_questions(v->arc)) {
		size_t to = gather(v, from, asks, &n);
		if (n > 0) {
			verify_ask(v, asks, n);
			answer(v, from, to, asks, n);
		}
		from = to;
	}
}

/* True if arc-trust names a sealer, or a domain above it. */
static bool
trusts(const void *context, const char *sealer)
{
	const struct config *config = context;
	char name[ASK_NAME];

	for (size_t i = 0; i < config->narc_trust; i++) {
		const char *trusted = config->arc_trust[i];
		if (ask_name(trusted, strlen(trusted), name) &&
		    ask_is_below(sealer, name)) {
			return true;
		}
	}
	return false;
}

bool
verify_chain_vouches(const struct verification *v)
{
	return v->config->narc_trust > 0 &&
	       arc_vouches(v->arc, &v->dmarc, trusts, v->config);
}

bool
verify_chain_may_vouch(const struct verification *v)
{
	struct arc_report r;
	struct span rest;

	arc_report(v->arc, &r);
	for (unsigned i = r.result == ARC_TEMPERROR ? r.sets : 0;
	     i > 0 && trusts(v->config, arc_sealer(v->arc, i)); i--) {
		if (results_of_anybody(arc_results(v->arc, i), &rest) &&
		    results_vouch(rest, &v->dmarc)) {
			return true;
		}
	}
	return false;
}

void
verify_chain_write(struct verification *v)
{
	struct arc_report r;
	char sets[16], oldest[16];

	arc_report(v->arc, &r);
	if (r.result == ARC_NONE) {
		return;
	}
	snprintf(sets, sizeof(sets), "i=%u", r.sets);
	results_add(&v->results, "arc", arc_result_name(r.result), sets,
	    r.result == ARC_PASS ? NULL : r.reason);
	if (r.result == ARC_PASS) {
		snprintf(oldest, sizeof(oldest), "%u", r.oldest);
		results_property(&v->results, "header.oldest-pass", oldest);
	}
	results_property(&v->results, "smtp.remote-ip", v->peer->address);
	if (v->vouched) {
		stats_add(STATS_ARC_TRUSTED, 1);
	}
}
