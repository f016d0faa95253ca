/* SPDX-License-Identifier: ISC */
/* Writes the line "to=<...>, relay=..., status=...". */
#include "smtpd/queue/delivery_log.h"

#include "common/log/log.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { NAME = 512, SAID = 1024 };

/*
 * Makes the name of a recipient in the log: a local user gets the first domain.
 * Returns text.
 */
static const char *
delivery_log_name(const struct config *config, const struct recipient *to,
    char *text, size_t size)
{
	char whole[NAME];
	bool bare = to->target == TARGET_USER && strchr(to->text, '@') == NULL;

	snprintf(whole, sizeof(whole), "%s%s%s", to->text, bare ? "@" : "",
	    bare ? config->domains[0] : "");
	return log_path(whole, text, size);
}

/* Copies a reply so that it contains no "status=".  Returns dst. */
static const char *
said(const char *text, char dst[SAID])
{
	static const char mark[] = "status=";

	strlcpy(dst, text, SAID);
	for (char *at = dst; (at = strstr(at, mark)) != NULL;) {
		at += sizeof(mark) - 1;
		at[-1] = '?';
	}
	return dst;
}

void
delivery_log(const struct delivery_log *d)
{
	char to[NAME], given[NAME], text[SAID];
	long long all = d->before + d->waited + d->took;

	stats_add(d->counts, 1);
	delivery_log_name(d->config, d->to, to, sizeof(to));
	log_path(d->to->given, given, sizeof(given));
	bool other = given[0] != '\0' && strcasecmp(given, to) != 0;
	log_info_as(d->part,
	    "%s: to=<%s>, %s%s%srelay=%s, delay=%.2f, "
	    "delays=%.2f/%.2f/0/%.2f, dsn=%s, status=%s (%s)",
	    d->id, to, other ? "orig_to=<" : "", other ? given : "",
	    other ? ">, " : "", d->relay, (double)all / 1000,
	    (double)d->before / 1000, (double)d->waited / 1000,
	    (double)d->took / 1000, d->dsn, d->status, said(d->text, text));
}
