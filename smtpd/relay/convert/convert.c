/* SPDX-License-Identifier: ISC */
/* A message for a server that does not take it as it is: the two passes. */
#include "smtpd/relay/convert/convert.h"

#include <stdlib.h>

struct convert *
convert_open(const struct convert_terms *terms)
{
	struct convert *c = calloc(1, sizeof(*c));

	if (c == NULL || (c->room = malloc(HEADER_KEPT)) == NULL) {
		free(c);
		return NULL;
	}
	c->terms = *terms;
	multipart_init(&c->walk, c->room, HEADER_KEPT);
	c->walk.report = terms->report;
	return c;
}

void
convert_close(struct convert *c)
{
	if (c != NULL) {
		output_free(&c->out);
		output_free(&c->plans);
		free(c->room);
		free(c);
	}
}

static void
run_pass(struct convert *c)
{
	enum multipart_event event = MULTIPART_BEGIN;

	while (event != MULTIPART_DONE && c->dsn == NULL &&
	       (event = multipart_next(&c->walk)) != MULTIPART_MORE) {
		if (c->writing) {
			convert_write_event(c, event);
		} else {
			convert_plan_event(c, event);
		}
	}
}

void
convert_feed(struct convert *c, const char *data, size_t len)
{
	if (c->dsn == NULL) {
		multipart_feed(&c->walk, data, len);
		run_pass(c);
	}
}

enum convert_result
convert_end(struct convert *c)
{
	if (c->dsn == NULL) {
		multipart_finish(&c->walk);
		run_pass(c);
	}
	if (c->failed || c->out.failed || c->plans.failed) {
		return CONVERT_NO_MEMORY;
	}
	if (c->dsn != NULL) {
		return CONVERT_IMPOSSIBLE;
	}
	return c->changed ? CONVERT_CHANGED : CONVERT_SAME;
}

void
convert_write(struct convert *c)
{
	c->writing = true;
	c->owed = false;
	output_clear(&c->out);
	multipart_init(&c->walk, c->room, HEADER_KEPT);
	c->walk.report = c->terms.report;
}
