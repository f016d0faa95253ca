/* SPDX-License-Identifier: ISC */
/* Who gets which report. */
#include "smtpd/admin/reports_build.h"

#include "common/auth/tags.h"
#include "common/text/address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { RECEIVERS = 2 }; /* of a domain's reports; RFC 9990 wants two at least */

/* ---- where they go ---- */

bool
report_address(struct span *rest, char to[OUTBOX_ADDRESS])
{
	static const char scheme[] = "mailto:";
	static const char plain[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789._+=-";

	while (rest->len > 0) {
		const char *comma = memchr(rest->at, ',', rest->len);
		size_t n =
		    comma == NULL ? rest->len : (size_t)(comma - rest->at);
		struct span uri = { rest->at, n };
		rest->at += n + (comma != NULL);
		rest->len -= n + (comma != NULL);
		while (uri.len > 0 && is_space(*uri.at)) {
			uri.at++;
			uri.len--;
		}
		size_t skip = sizeof(scheme) - 1;
		if (uri.len <= skip || strncasecmp(uri.at, scheme, skip) != 0) {
			continue;
		}
		/* A size may follow, which nobody keeps to any more. */
		size_t len = 0;
		while (skip + len < uri.len && uri.at[skip + len] != '!' &&
		       !is_space(uri.at[skip + len])) {
			len++;
		}
		if (len >= OUTBOX_ADDRESS) {
			continue;
		}
		memcpy(to, uri.at + skip, len);
		to[len] = '\0';
		size_t local = strspn(to, plain);
		if (local > 0 && local <= ADDRESS_LOCAL && to[local] == '@' &&
		    address_is_domain(to + local + 1)) {
			return true;
		}
	}
	return false;
}

/* Asks for the one record at a name; false: there is none. */
static bool
ask_record(struct dns *dns, const char *name, struct dmarc_record *policy,
    char text[DNS_TEXT])
{
	static struct dns_texts texts;
	char why[CONFIG_ERROR];
	struct dmarc_record r;
	size_t found = 0;

	if (dns_texts(dns, name, &texts, why) != DNS_OK) {
		return false;
	}
	for (size_t i = 0; i < texts.count; i++) {
		struct span s = { texts.all[i].octets, texts.all[i].len };
		if (strlen(s.at) == s.len && dmarc_record_read(s, &r)) {
			*policy = r;
			memcpy(text, s.at, s.len + 1);
			found++;
		}
	}
	return found == 1;
}

/* True if the host above a domain is of the same organization: it has a policy
   itself, and is no public suffix (RFC 9989 section 4.10). */
static bool
is_organization(struct dns *dns, const char *host)
{
	struct dmarc_record policy;
	char name[ASK_NAME + 8], text[DNS_TEXT];

	snprintf(name, sizeof(name), "_dmarc.%s", host);
	return ask_record(dns, name, &policy, text) && policy.psd != 'y';
}

/* True if whoever has that address wants reports about the domain: those of
   the same organization do, others have to say so (RFC 9990 section 4). */
static bool
is_wanted(struct dns *dns, const char *domain, const char *to)
{
	static struct dns_texts texts;
	char host[ASK_NAME], name[2 * ASK_NAME + 32], why[CONFIG_ERROR];
	const char *at = strchr(to, '@') + 1;

	if (!ask_name(at, strlen(at), host)) {
		return false;
	}
	if (ask_is_below(host, domain) ||
	    (ask_is_below(domain, host) && is_organization(dns, host))) {
		return true;
	}
	snprintf(name, sizeof(name), "%s._report._dmarc.%s", domain, host);
	if (strlen(name) >= DNS_NAME ||
	    dns_texts(dns, name, &texts, why) != DNS_OK) {
		return false;
	}
	for (size_t i = 0; i < texts.count; i++) {
		if (strncmp(texts.all[i].octets, "v=DMARC1", 8) == 0) {
			return true;
		}
	}
	return false;
}

/* ---- one domain ---- */

/* What the notes of one domain need. */
struct building {
	const struct config *config;
	struct dns *dns;
	int64_t begin;
	const char *from;
	struct outbox *box;
	struct output mail;
};

static void
put_mail(struct building *b, const char *to)
{
	struct outbox *box = b->box;

	if (b->mail.failed || box->count == OUTBOX_MAILS ||
	    b->mail.len > OUTBOX_ROOM - box->used) {
		box->left_out++;
		return;
	}
	strlcpy(box->mails[box->count].to, to, OUTBOX_ADDRESS);
	box->mails[box->count].at = box->used;
	box->mails[box->count++].len = (uint32_t)b->mail.len;
	memcpy(box->text + box->used, b->mail.data, b->mail.len);
	box->used += (uint32_t)b->mail.len;
}

static void
build_domain(struct building *b, const char *domain, const struct span *lines,
    size_t count)
{
	struct dmarc_record policy;
	char name[ASK_NAME + 8], text[DNS_TEXT], to[OUTBOX_ADDRESS];
	struct span rua;
	size_t sent = 0;

	/* Our own mailboxes need no report of what they got. */
	snprintf(name, sizeof(name), "_dmarc.%s", domain);
	if (config_is_ours_to_all(b->config, domain) ||
	    !ask_record(b->dns, name, &policy, text) ||
	    !tags_find(text, strlen(text), "rua", &rua)) {
		return;
	}
	while (sent < RECEIVERS && report_address(&rua, to)) {
		if (!is_wanted(b->dns, domain, to)) {
			continue;
		}
		const struct report_frame f = { .host = b->config->hostname,
			.from = b->from,
			.begin = b->begin,
			.random = arc4random(),
			.domain = domain,
			.policy = &policy };
		output_clear(&b->mail);
		report_make(&f, lines, count, to, &b->mail);
		put_mail(b, to);
		sent++;
	}
}

/* ---- all of them ---- */

static int
compare(const void *a, const void *b)
{
	const struct span *x = a, *y = b;
	size_t n = x->len < y->len ? x->len : y->len;
	int order = memcmp(x->at, y->at, n);

	return order != 0 ? order : x->len < y->len ? -1 : x->len > y->len;
}

/* Finds the lines that are notes, sorted: those of a domain together, and
   those that are the same. */
static struct span *
sort_lines(char *notes, size_t len, size_t *count)
{
	struct span *lines = NULL;
	struct report_note n;
	size_t room = 0;

	*count = 0;
	for (size_t at = 0; at < len;) {
		const char *end = memchr(notes + at, '\n', len - at);
		size_t size =
		    end == NULL ? len - at : (size_t)(end - notes) - at;
		if (*count == room) {
			room = room == 0 ? 1024 : 2 * room;
			struct span *more =
			    reallocarray(lines, room, sizeof(*lines));
			if (more == NULL) {
				break; /* the rest is left out */
			}
			lines = more;
		}
		/* The last line may be cut. */
		if (end != NULL && report_note_read(notes + at, size, &n)) {
			lines[(*count)++] = (struct span){ notes + at, size };
		}
		at += size + 1;
	}
	if (*count > 0) {
		qsort(lines, *count, sizeof(*lines), compare);
	}
	return lines;
}

void
report_build(const struct config *config, struct dns *dns, char *notes,
    size_t len, int64_t begin, const char *from, struct outbox *box)
{
	struct building b = { .config = config,
		.dns = dns,
		.begin = begin,
		.from = from,
		.box = box };
	struct report_note first, n;
	size_t count;
	struct span *lines = sort_lines(notes, len, &count);

	for (size_t i = 0, same; i < count; i += same) {
		(void)report_note_read(lines[i].at, lines[i].len, &first);
		for (same = 1; i + same < count &&
			       report_note_read(lines[i + same].at,
				   lines[i + same].len, &n) &&
			       strcmp(n.policy, first.policy) == 0;) {
			same++;
		}
		build_domain(&b, first.policy, lines + i, same);
	}
	output_free(&b.mail);
	free(lines);
}
