/* SPDX-License-Identifier: ISC */
/*
 * Lists of UIDLs of other servers: after a line with a format, whatever is in
 * them, what comes out can be told to a client, or is nothing.
 */
#include "spool/uidl_list.h"

#include "tests/fuzz/fuzz.h"

/* Cuts a line off. */
static const char *
next_line(const char **at, const char *end, size_t *len)
{
	const char *line = *at;
	const char *lf = memchr(line, '\n', (size_t)(end - line));

	*len = (size_t)((lf == NULL ? end : lf) - line);
	*at = lf == NULL ? end : lf + 1;
	return line;
}

static void
check(const struct uidl_entry *e, const char *line, size_t len)
{
	size_t n = strlen(e->uidl);

	MUST(n == 0 || uidl_is_valid(e->uidl, n));
	MUST(e->name == NULL ||
	     (e->name >= line && e->name + e->len <= line + len));
	MUST(e->name == NULL || memchr(e->name, ':', e->len) == NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), *format;
	const char *at = text, *end = text + size;
	struct uidl_list list = { .format = UIDL_LIST_FORMAT };
	struct uidl_entry e;
	size_t len;

	const char *line = next_line(&at, end, &len);
	format = fuzz_text((const uint8_t *)line, len);
	if (uidl_list_format(format)) {
		list.format = format;
	}
	for (bool first = true; at < end; first = false) {
		line = next_line(&at, end, &len);
		char *copy = fuzz_text((const uint8_t *)line, len);
		if ((!first || !uidl_list_begin(&list, copy, len)) &&
		    uidl_list_line(&list, copy, len, &e) == UIDL_LINE_ENTRY) {
			check(&e, copy, len);
		}
		free(copy);
	}
	free(format);
	free(text);
	return 0;
}
