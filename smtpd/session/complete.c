/* SPDX-License-Identifier: ISC */
/* Completes the header section of a message that a user submits. */
#include "smtpd/session/complete.h"

#include "common/mime/header.h"
#include "common/text/date.h"
#include "smtpd/message/fixup.h"
#include "smtpd/session/sender.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Octets of the header section; *is_signed: nothing in it may be changed. */
static size_t
survey(const char *text, size_t len, bool *is_signed)
{
	const char *at = text, *before = text;
	struct field f;

	*is_signed = false;
	while (header_next(&at, text + len, &f)) {
		*is_signed = *is_signed || header_is(&f, "DKIM-Signature");
		before = at;
	}
	return (size_t)(before - text);
}

/* Who sends, if the header section does not tell; "": not known. */
static void
make_from(const struct session *s, char from[ADDRESS_TEXT])
{
	struct address a = s->envelope.sender;

	if (address_is_null(&a)) {
		strlcpy(a.local, s->user, sizeof(a.local));
	}
	if (a.local[0] != '\0' && a.domain[0] == '\0') {
		strlcpy(a.domain, s->connection->config->hostname,
		    sizeof(a.domain));
	}
	address_text(&a, from, ADDRESS_TEXT);
}

static enum complete
fix(const struct fixup *x, const char *head, size_t len, char **fixed,
    size_t *fixed_len)
{
	FILE *out = open_memstream(fixed, fixed_len);
	char field[32];

	if (out == NULL) {
		return COMPLETE_MEMORY;
	}
	enum fixup_result result = fixup_head(x, head, len, out, field);
	if (fclose(out) == EOF || result != FIXUP_OK) {
		return COMPLETE_MEMORY;
	}
	return *fixed_len != len || memcmp(*fixed, head, len) != 0
	           ? COMPLETE_CHANGED
	           : COMPLETE_SAME;
}

enum complete
complete_head(const struct session *s, const char *id, const char *text,
    size_t len, size_t *head_len, char **fixed, size_t *fixed_len)
{
	char from[ADDRESS_TEXT], date[DATE_SIZE];
	char unique[CONFIG_NAME + MAIL_ID + 4];
	struct fixup x = { .config = s->connection->config,
		.date = date,
		.id = unique,
		.complete_only = true };
	bool is_signed;

	*head_len = survey(text, len, &is_signed);
	if (!sender_header_allowed(s, text, len)) {
		return COMPLETE_FORBIDDEN;
	}
	if (is_signed) {
		return COMPLETE_SAME;
	}
	make_from(s, from);
	x.from = from[0] != '\0' ? from : NULL;
	date_text(time(NULL), date);
	snprintf(unique, sizeof(unique), "<%s@%s>", id, x.config->hostname);
	return fix(&x, text, *head_len, fixed, fixed_len);
}
