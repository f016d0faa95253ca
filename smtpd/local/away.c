/* SPDX-License-Identifier: ISC */
/* Runs as root (if the runner does) until it has become the owner. */
#include "smtpd/local/away.h"

#include "common/auth/results.h"
#include "common/io/file.h"
#include "common/log/log.h"
#include "common/mime/header.h"
#include "common/mime/mailboxes.h"
#include "common/process/sandbox.h"
#include "smtpd/local/mailbox.h"
#include "spool/vacation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

enum {
	LOOKED_AT = 64 * 1024, /* octets of a header section */
	VALUE = 4096,
};

/* ---- whom ---- */

static bool
begins(const char *text, const char *with)
{
	return strncasecmp(text, with, strlen(with)) == 0;
}

static bool
ends(const char *text, size_t n, const char *with)
{
	size_t len = strlen(with);

	return n >= len && strncasecmp(text + n - len, with, len) == 0;
}

bool
away_sender_is_program(const char *sender)
{
	static const char *const first[] = { "owner-", "mailer-daemon",
		"noreply", "no-reply", "no_reply", "donotreply", "do-not-reply",
		"bounce", "listserv", "majordomo" };
	static const char *const last[] = { "-request", "-owner", "-bounces",
		"-noreply", "-no-reply" };
	const char *at = strrchr(sender, '@');
	size_t n = at == NULL ? strlen(sender) : (size_t)(at - sender);

	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		if (begins(sender, first[i])) {
			return true;
		}
	}
	for (size_t i = 0; i < sizeof(last) / sizeof(last[0]); i++) {
		if (ends(sender, n, last[i])) {
			return true;
		}
	}
	return n == 0;
}

/* ---- what ---- */

/* True if one of the words, between anything else, is in the value. */
static bool
has_word(const char *value, const char *const *words)
{
	for (; *words != NULL; words++) {
		const char *at = strcasestr(value, *words);
		if (at != NULL) {
			return true;
		}
	}
	return false;
}

/* True if the value's first word is not that. */
static bool
is_other_than(const char *value, const char *word)
{
	size_t n = strcspn(value, " \t;(");

	return n != strlen(word) || strncasecmp(value, word, n) != 0;
}

static bool
forbids(const struct field *f, const char *value)
{
	static const char *const bulk[] = { "bulk", "list", "junk", NULL };
	static const char *const report[] = { "multipart/report", NULL };

	return (header_is(f, "Auto-Submitted") && is_other_than(value, "no")) ||
	       (header_is(f, "X-Auto-Response-Suppress") &&
		   is_other_than(value, "none")) ||
	       (header_is(f, "Precedence") && has_word(value, bulk)) ||
	       (header_is(f, "Content-Type") && has_word(value, report)) ||
	       (f->name_len > 5 && begins(f->name, "List-"));
}

bool
away_is_unwanted(const char *header, size_t len, const char *id)
{
	static const char *const fails[] = { "dmarc=fail", NULL };
	const char *at = header, *end = header + len;
	char value[VALUE];
	struct field f;

	while (header_next(&at, end, &f)) {
		/* What is longer than any value that counts is cut. */
		struct field start = f;
		start.value_len =
		    f.value_len < VALUE ? f.value_len : (size_t)VALUE - 1;
		if (header_unfold(&start, value, sizeof(value)) == -1) {
			continue;
		}
		if (forbids(&f, value) || results_is_mark(&f) ||
		    (results_is_ours(&f, id) && has_word(value, fails))) {
			return true;
		}
	}
	return false;
}

/* The first address in a list that is the user's. */
static bool
find_own(const struct expand *e, const char *user, const struct field *f,
    char own[ADDRESS_TEXT])
{
	struct mailboxes list = { .text = f->value,
		.end = f->value + f->value_len };
	struct mailboxes_entry entry;
	enum mailboxes_kind kind;
	struct address a;
	const char *rest;

	while ((kind = mailboxes_next(&list, &entry)) != MAILBOXES_END) {
		if (kind == MAILBOXES_ONE && entry.domain.len > 0 &&
		    mailboxes_address(&entry, own, ADDRESS_TEXT) != -1 &&
		    address_path_utf8(own, &a, &rest) == PATH_OK &&
		    *rest == '\0' && expand_is_user(e, &a, user)) {
			return true;
		}
	}
	return false;
}

bool
away_own_address(const struct expand *e, const char *user, const char *header,
    size_t len, char own[ADDRESS_TEXT])
{
	const char *at = header, *end = header + len;
	struct field f;

	while (header_next(&at, end, &f)) {
		if ((header_is(&f, "To") || header_is(&f, "Cc")) &&
		    find_own(e, user, &f, own)) {
			return true;
		}
	}
	return false;
}

/* ---- the process ---- */

/* Only the user's folder is for it to write to; it reads nothing else. */
static int
confine(const struct store *store)
{
	int fd[SANDBOX_FILES] = { -1, -1, -1, -1, -1 };

	fd[SANDBOX_STATE] = open(
	    store->directory, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd[SANDBOX_STATE] == -1) {
		return -1;
	}
	int result = sandbox_files(fd);
	close(fd[SANDBOX_STATE]);
	return result;
}

/* True if the sender is the user: an address of one's own is not answered. */
static bool
is_from_self(const struct away *a, const char *user)
{
	const char *rest, *sender = a->message->mail.sender;
	struct address from;

	return address_path_utf8(sender, &from, &rest) != PATH_OK ||
	       *rest != '\0' || expand_is_user(a->expand, &from, user);
}

/* What a confined process of the user's finds: the answer, or NULL. */
static const struct vacation *
find_answer(const struct away *a, const char *user, const char *directory,
    char own[ADDRESS_TEXT])
{
	static struct vacation vacation;
	static char header[LOOKED_AT];
	const char *sender = a->message->mail.sender;
	time_t now = time(NULL);
	char day[VACATION_DAY + 1];
	struct tm tm;

	if (vacation_read(directory, &vacation) == -1) {
		log_warn("%s: vacation: %s; type: smtpd --vacation %s", user,
		    errno == EINVAL ? "the file is damaged" : strerror(errno),
		    user);
		return NULL;
	}
	ssize_t n = file_read_some(a->message->text, header, sizeof(header), 0);
	if (localtime_r(&now, &tm) == NULL ||
	    strftime(day, sizeof(day), "%Y-%m-%d", &tm) == 0 ||
	    !vacation_is_on(&vacation, day) || n <= 0 ||
	    away_sender_is_program(sender) || is_from_self(a, user) ||
	    away_is_unwanted(header, (size_t)n, a->expand->config->auth_id) ||
	    !away_own_address(a->expand, user, header, (size_t)n, own)) {
		return NULL;
	}
	switch (vacation_take(directory, sender, now)) {
	case VACATION_ANSWER:
		return &vacation;
	case VACATION_ENOUGH:
		return NULL;
	case VACATION_TROUBLE:
		log_warn("%s: vacation: nobody is answered: "
			 "%s/vacation.seen: %s",
		    user, directory, strerror(errno));
		break;
	}
	return NULL;
}

void
away_decide(const struct away *a, struct verdict *v, char text[FORWARD_SIZE])
{
	const struct config *config = a->expand->config;
	char own[ADDRESS_TEXT], why[LOCAL_WHY];
	struct account account;
	struct store store;

	verdict_set(v, OUTCOME_SENT, "2.0.0", "no answer");
	if (local_become(config, a->expand->names, a->recipient->text, &account,
		&store, why) != STATUS_OK ||
	    confine(&store) == -1) {
		return;
	}
	const struct vacation *found =
	    find_answer(a, account.name, store.directory, own);
	if (found == NULL) {
		return;
	}
	int n = snprintf(text, FORWARD_SIZE, "%s\n%s\n%.*s", own,
	    found->subject, (int)found->len, found->text);
	if (n > 0 && n < FORWARD_SIZE) {
		v->kind = OUTCOME_EXPANDED;
		v->forward = (uint32_t)n;
	}
}
