/* SPDX-License-Identifier: ISC */
/* Recipients, from arguments and from header fields. */
#include "smtpd/message/recipients.h"

#include "common/mime/mailboxes.h"
#include "smtpd/message/rewrite.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MANY = 100 };

static enum recipients_result
add_address(
    struct recipients *r, const struct config *config, const char *address)
{
	char text[ADDRESS_TEXT];

	switch (rewrite_path(config, address, text)) {
	case PATH_OK:
		break;
	case PATH_8BIT:
		return RECIPIENTS_8BIT;
	case PATH_LATER:
		return RECIPIENTS_MEMORY;
	case PATH_LONG:
	case PATH_SYNTAX:
		return RECIPIENTS_BROKEN;
	}
	if (text[0] == '\0') {
		return RECIPIENTS_BROKEN; /* the null path is nobody */
	}
	if (r->count == r->room) {
		size_t room = r->room == 0 ? 16 : 2 * r->room;
		void *list = reallocarray(r->list, room, sizeof(*r->list));
		if (list == NULL) {
			return RECIPIENTS_MEMORY;
		}
		r->list = list;
		r->room = room;
	}
	/* Of more than a transaction holds, the session finds the doubles. */
	for (size_t i = 0; i < r->count && r->count < MANY; i++) {
		if (strcasecmp(r->list[i], text) == 0) {
			return RECIPIENTS_OK;
		}
	}
	strlcpy(r->list[r->count++], text, sizeof(text));
	return RECIPIENTS_OK;
}

/* True if all of it is one address, in forms that only SMTP has, too. */
static bool
is_path(const char *text, size_t len, char path[ADDRESS_TEXT])
{
	struct address a;
	const char *rest;

	if (len >= ADDRESS_TEXT) {
		return false;
	}
	memcpy(path, text, len);
	path[len] = '\0';
	return address_path_utf8(path, &a, &rest) == PATH_OK &&
	       rest == path + len;
}

enum recipients_result
recipients_add(struct recipients *r, const struct config *config,
    const char *text, size_t len)
{
	struct mailboxes list = { .text = text, .end = text + len };
	struct mailboxes_entry entry;
	enum recipients_result result = RECIPIENTS_OK;
	enum mailboxes_kind kind;
	char path[ADDRESS_TEXT];

	if (is_path(text, len, path)) {
		return add_address(r, config, path);
	}
	while (result == RECIPIENTS_OK &&
	       (kind = mailboxes_next(&list, &entry)) != MAILBOXES_END) {
		char address[ADDRESS_TEXT];
		if (kind == MAILBOXES_GROUP || kind == MAILBOXES_GROUP_END) {
			continue;
		}
		result = kind == MAILBOXES_BROKEN ||
		                 mailboxes_address(
				     &entry, address, sizeof(address)) == -1
		             ? RECIPIENTS_BROKEN
		             : add_address(r, config, address);
	}
	return result;
}

void
recipients_free(struct recipients *r)
{
	free(r->list);
	*r = (struct recipients){ .list = NULL };
}
