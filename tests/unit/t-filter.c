/* SPDX-License-Identifier: ISC */
/*
 * The question about a filter, as a session that was taken over asks it: what
 * has no envelope, a string without an end, or numbers that cannot be, is
 * refused before a worker reads it.
 */
#include "smtpd/filter/filter.h"

#include "smtpd/job/requests.h"
#include "tests/unit/tap.h"

#include <stddef.h>
#include <string.h>

enum { ENVELOPE = MAIL_LINE + 1 };

static const struct {
	const char *name;
	size_t at, size;
} strings[] = {
	{ "helo", offsetof(struct filter_question, helo), ADDRESS_DOMAIN + 1 },
	{ "tls", offsetof(struct filter_question, tls), 64 },
	{ "method", offsetof(struct filter_question, method), 24 },
};

struct payload {
	struct filter_question q;
	char envelope[ENVELOPE];
};

static void
test_sizes(void)
{
	static const struct payload p = { .q = { .filter = 1 } };
	size_t least = sizeof(p.q) + ENVELOPE;

	ok(filter_valid(&p, least), "a question");
	ok(!filter_valid(&p, least - 1), "one octet less");
	ok(!filter_valid(&p, sizeof(p.q)), "without an envelope");
	ok(!filter_valid(&p, 0), "nothing");
}

static void
test_strings(void)
{
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		struct payload p = { .q = { .filter = 0 } };
		char *text = (char *)&p.q + strings[i].at;

		memset(text, 'x', strings[i].size - 1);
		ok(filter_valid(&p, sizeof(p)), "the longest %s",
		    strings[i].name);
		text[strings[i].size - 1] = 'x';
		ok(!filter_valid(&p, sizeof(p)), "%s without an end",
		    strings[i].name);
	}
}

static void
test_numbers(void)
{
	struct payload p = { .q = { .filter = CONFIG_LIST - 1,
				 .patience = FILTER_PATIENCE } };

	ok(filter_valid(&p, sizeof(p)), "the largest numbers");
	p.q.filter++;
	ok(!filter_valid(&p, sizeof(p)), "a filter that cannot be");
	p.q.filter = 0;
	p.q.patience++;
	ok(!filter_valid(&p, sizeof(p)), "more time than there is");
}

int
main(void)
{
	test_sizes();
	test_strings();
	test_numbers();
	return tap_done();
}
