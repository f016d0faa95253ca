/* SPDX-License-Identifier: ISC */
/* Completes the header section of a message that begins its way here. */
#include "smtpd/session/complete.h"

#include "common/job/clients.h"
#include "common/mime/header.h"
#include "common/text/date.h"
#include "smtpd/message/fixup.h"
#include "smtpd/session/sender.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Octets of the header section; *stays: nothing in it may be changed. */
static size_t
survey(const struct session *s, const char *text, size_t len, bool *stays)
{
	const char *at = text, *before = text;
	bool relays = !session_is_user(s);
	struct field f;

	*stays = false;
	while (header_next(&at, text + len, &f)) {
		/* What has come a long way is fetchmail's, or a filter's. */
		*stays = *stays || header_is(&f, "DKIM-Signature") ||
		         (relays && header_is(&f, "Received"));
		before = at;
	}
	return (size_t)(before - text);
}

/* True if the text of an address ends with a domain; "a@b" has none. */
static bool
has_domain(const char *address)
{
	const char *at = strrchr(address, '@');

	return at != NULL && strchr(at, '"') == NULL;
}

/* Makes the address of the sender for a header section without From. */
static void
make_from(const struct session *s, char from[ADDRESS_TEXT])
{
	const struct connection *c = s->connection;
	const struct trusted *trusted = client_trusted(c->config, &c->peer);
	const char *sender = s->mail.sender[0] != '\0' ? s->mail.sender
	                     : s->user[0] != '\0'      ? s->user
	                     : trusted != NULL         ? trusted->name
	                                               : "";

	strlcpy(from, sender, ADDRESS_TEXT);
	if (from[0] != '\0' && !has_domain(from)) {
		strlcat(from, "@", ADDRESS_TEXT);
		strlcat(from, s->connection->config->hostname, ADDRESS_TEXT);
	}
}

/* x: NULL where nothing in it may be changed.  open: a line that is no field
   follows. */
static enum complete
fix(const struct fixup *x, const char *head, size_t len, bool open,
    char **fixed, size_t *fixed_len)
{
	FILE *out = open_memstream(fixed, fixed_len);
	int result = 0;

	if (out == NULL) {
		return COMPLETE_MEMORY;
	}
	if (x != NULL) {
		result = fixup_head(x, head, len, out);
	} else {
		fwrite(head, 1, len, out);
	}
	if (open) {
		fputc('\n', out);
	}
	if (fclose(out) == EOF || result == -1) {
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
		.whose = s->user[0] != '\0' ? REWRITE_LOGIN : REWRITE_OTHER };
	bool stays;

	*head_len = survey(s, text, len, &stays);
	/* Some readers look for fields up to the empty line, whatever comes
	   before it: the section that was checked must be theirs, too. */
	bool open = *head_len < len && text[*head_len] != '\n';
	if (!sender_header_allowed(s, text, len)) {
		return COMPLETE_FORBIDDEN;
	}
	if (stays) {
		return fix(NULL, text, *head_len, open, fixed, fixed_len);
	}
	make_from(s, from);
	x.from = from[0] != '\0' ? from : NULL;
	date_text(time(NULL), date);
	snprintf(unique, sizeof(unique), "<%s@%s>", id, x.config->hostname);
	return fix(&x, text, *head_len, open, fixed, fixed_len);
}
