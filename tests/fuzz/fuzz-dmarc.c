/* SPDX-License-Identifier: ISC */
/*
 * DMARC with any answers: it ends, asks for names only, and comes to a policy
 * that somebody has published.  Lines: the author; domains that vouch, up to an
 * empty line; then the answers, again from the first when they are used up.
 */
#include "common/auth/dmarc.h"

#include "tests/fuzz/fuzz.h"

static struct span
next_line(const char **at, const char *end)
{
	const char *lf =
	    *at == end ? NULL : memchr(*at, '\n', (size_t)(end - *at));
	struct span line = { *at, (size_t)((lf == NULL ? end : lf) - *at) };

	*at = lf == NULL ? end : lf + 1;
	return line;
}

static void
make_answer(struct span line, struct ask_answer *a)
{
	a->n = 0;
	a->status = line.len == 0       ? ASK_NO_NAME
	            : line.at[0] == '!' ? ASK_FAILED
	            : line.at[0] == '-' ? ASK_NO_DATA
	                                : ASK_OK;
	while (a->status == ASK_OK && line.len > 0 && a->n < ASK_RECORDS) {
		const char *bar = memchr(line.at, '|', line.len);
		size_t n = bar == NULL ? line.len : (size_t)(bar - line.at);
		a->record[a->n++] = (struct span){ line.at, n };
		n += bar != NULL;
		line.at += n;
		line.len -= n;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dmarc d;
	static struct ask_answer a;
	const char *at = (const char *)data, *end = at + size;
	struct ask asks[DMARC_STEPS];
	char name[ASK_NAME];
	size_t n, asked = 0;
	bool any = false;

	struct span line = next_line(&at, end);
	if (size == 0 || !ask_name(line.at, line.len, name)) {
		return 0;
	}
	dmarc_begin(&d, name);
	while ((line = next_line(&at, end)).len > 0 &&
	       d.identifiers < DMARC_IDENTIFIERS) {
		struct dmarc_identifier *id = &d.identifier[d.identifiers];
		id->trouble = line.at[0] == '?';
		id->dkim = line.at[0] != '=';
		if (ask_name(line.at, line.len, id->domain)) {
			memcpy(d.list, id->domain, ASK_NAME);
			d.identifiers++;
		}
	}
	const char *answers = at;
	while ((n = dmarc_next(&d, asks)) > 0) {
		for (size_t i = 0; i < n; i++) {
			MUST(++asked <= DMARC_NAMES);
			MUST(asks[i].type == ASK_TXT);
			MUST(
			    ask_name(asks[i].name, strlen(asks[i].name), name));
			MUST(strcmp(name, asks[i].name) == 0);
			at = at == end ? answers : at;
			make_answer(next_line(&at, end), &a);
			any = any || a.n > 0;
			dmarc_answer(&d, asks[i].name, &a);
		}
	}
	MUST(d.result == DMARC_NONE || d.result == DMARC_TEMPERROR || any);
	MUST(d.apply <= d.published);
	MUST(d.policy_domain[0] == '\0' ||
	     ask_is_below(d.author, d.policy_domain));
	return 0;
}
