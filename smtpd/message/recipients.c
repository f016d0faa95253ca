/* SPDX-License-Identifier: ISC */
/* Recipients, from arguments and from header fields. */
#include "smtpd/message/recipients.h"

#include "common/mime/mailboxes.h"
#include "smtpd/message/rewrite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MANY = 100 };

static enum recipients_result
add_text(struct recipients *r, const char *text)
{
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
	strlcpy(r->list[r->count++], text, ADDRESS_TEXT);
	return RECIPIENTS_OK;
}

/* As a name in quotes. */
enum recipients_result
recipients_add_broken(struct recipients *r, const struct config *config,
    const char *text, size_t len)
{
	static const char start[] = "\"not an address: ";
	char name[ADDRESS_LOCAL + 1], whole[ADDRESS_TEXT];
	size_t at = strlcpy(name, start, sizeof(name));

	for (size_t i = 0; i < len && at < sizeof(name) - 2; i++) {
		bool plain = text[i] >= ' ' && text[i] < 0x7f &&
		             strchr("\"\\", text[i]) == NULL;
		name[at++] = plain ? text[i] : '?';
	}
	name[at] = '\0';
	snprintf(whole, sizeof(whole), "%s\"@%s", name, config->hostname);
	size_t before = r->count;
	if (add_text(r, whole) == RECIPIENTS_MEMORY) {
		return RECIPIENTS_MEMORY;
	}
	r->broken += r->count - before;
	return RECIPIENTS_BROKEN;
}

static enum recipients_result
add_address(
    struct recipients *r, const struct config *config, const char *address)
{
	char text[ADDRESS_TEXT];
	enum path path = rewrite_path(config, address, text);

	if (path == PATH_LATER) {
		return RECIPIENTS_MEMORY;
	}
	/* The null path is nobody. */
	if (path == PATH_OK && text[0] != '\0') {
		return add_text(r, text);
	}
	enum recipients_result result =
	    recipients_add_broken(r, config, address, strlen(address));
	return result == RECIPIENTS_BROKEN && path == PATH_8BIT
	           ? RECIPIENTS_8BIT
	           : result;
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
	while (result != RECIPIENTS_MEMORY &&
	       (kind = mailboxes_next(&list, &entry)) != MAILBOXES_END) {
		char address[ADDRESS_TEXT];
		if (kind == MAILBOXES_GROUP || kind == MAILBOXES_GROUP_END) {
			continue;
		}
		bool broken =
		    kind == MAILBOXES_BROKEN ||
		    mailboxes_address(&entry, address, sizeof(address)) == -1;
		enum recipients_result one =
		    broken ? recipients_add_broken(
				 r, config, entry.all.at, entry.all.len)
			   : add_address(r, config, address);
		result = one == RECIPIENTS_OK ? result : one;
	}
	return result;
}

void
recipients_free(struct recipients *r)
{
	free(r->list);
	*r = (struct recipients){ .list = NULL };
}
