/* SPDX-License-Identifier: ISC */
/*
 * The question about a recipient, as a session that was taken over asks it:
 * what has another size, a string without an end, or asks for what there is
 * not, is refused before a worker reads it.
 */
#include "smtpd/worker/rcpt.h"

#include "smtpd/job/requests.h"
#include "tests/unit/tap.h"

#include <stddef.h>
#include <string.h>

static const struct {
	const char *name;
	size_t at, size;
} strings[] = {
	{ "whole", offsetof(struct rcpt_question, whole), USER_NAME + 1 },
	{ "user", offsetof(struct rcpt_question, user), USER_NAME + 1 },
	{ "sender", offsetof(struct rcpt_question, sender), ADDRESS_TEXT },
	{ "rcpt", offsetof(struct rcpt_question, rcpt), ADDRESS_TEXT },
};

static void
test_sizes(void)
{
	static const struct rcpt_question q = { .user = "tim" };

	ok(rcpt_valid(&q, sizeof(q)), "a question");
	ok(!rcpt_valid(&q, sizeof(q) - 1), "one octet less");
	ok(!rcpt_valid(&q, 0), "nothing");
	ok(!rcpt_valid(&q, sizeof(q) + 1), "one octet more");
}

static void
test_strings(void)
{
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		struct rcpt_question q = { .ask = RCPT_LOOKUP };
		char *text = (char *)&q + strings[i].at;

		memset(text, 'x', strings[i].size - 1);
		ok(rcpt_valid(&q, sizeof(q)), "the longest %s",
		    strings[i].name);
		text[strings[i].size - 1] = 'x';
		ok(!rcpt_valid(&q, sizeof(q)), "%s without an end",
		    strings[i].name);
	}
}

static void
test_ask(void)
{
	struct rcpt_question q = { .ask = RCPT_ASKS };

	ok(rcpt_valid(&q, sizeof(q)), "everything is asked for");
	for (unsigned bit = 1U << 31; bit > RCPT_ASKS; bit >>= 1) {
		q.ask = bit;
		if (rcpt_valid(&q, sizeof(q))) {
			break;
		}
	}
	ok(q.ask == RCPT_ASKS + 1 && !rcpt_valid(&q, sizeof(q)),
	    "what nobody can ask for");
}

int
main(void)
{
	test_sizes();
	test_strings();
	test_ask();
	return tap_done();
}
