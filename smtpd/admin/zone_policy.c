/* SPDX-License-Identifier: ISC */
/*
 * The MTA-STS policy of a domain (RFC 8461): its text, its file, and what
 * senders get of it.
 */
#include "smtpd/admin/zone_private.h"

#include "common/io/file.h"
#include "common/log/log.h"
#include "common/process/privilege.h"
#include "common/process/process.h"
#include "common/process/sandbox.h"
#include "common/tls/crypto.h"
#include "common/tls/tls_client.h"
#include "smtpd/relay/sts_fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	FETCHING = 60 * 1000, /* ms, and a half of it for the web server */
	ID_OCTETS = 8,
	WEEK = 7 * 24 * 60 * 60,
	DAY = 24 * 60 * 60,
};

/* ---- what we would publish ---- */

void
zone_make_policy(struct zone *zone)
{
	static const char *const modes[] = { "none", "testing", "enforce" };
	uint8_t digest[CRYPTO_SHA256];
	enum sts_mode mode = zone->config->mta_sts_mode;

	/* While it is a test it can be taken back soon. */
	snprintf(zone->policy, sizeof(zone->policy),
	    "version: STSv1\nmode: %s\nmx: %s\nmax_age: %d\n", modes[mode],
	    zone->host, mode == STS_ENFORCE ? WEEK : DAY);
	/* Another text has another id, without which nobody would get it. */
	crypto_sha256(zone->policy, strlen(zone->policy), digest);
	for (size_t i = 0; i < ID_OCTETS; i++) {
		snprintf(zone->policy_id + 2 * i, 3, "%02x", digest[i]);
	}
	snprintf(zone->policy_url, sizeof(zone->policy_url),
	    "https://mta-sts.%s" STS_PATH, zone->domain);
}

int
zone_write_policy(const struct zone *zone, const char *path)
{
	char beside[PATH_MAX];

	if (snprintf(beside, sizeof(beside), "%s.XXXXXX", path) >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	int fd = mkostemp(beside, O_CLOEXEC);
	if (fd == -1) {
		return -1;
	}
	/* A web server reads it. */
	int result =
	    fchmod(fd, S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH) == -1 ||
		    file_append(fd, zone->policy, strlen(zone->policy)) == -1 ||
		    fsync(fd) == -1 || rename(beside, path) == -1
		? -1
		: 0;
	int error = errno;
	close(fd);
	if (result == -1) {
		(void)unlink(beside);
	}
	errno = error;
	return result;
}

/* ---- what senders get ---- */

__attribute__((format(printf, 3, 4))) static void
find(struct zone_finding *f, enum zone_word word, const char *fmt, ...)
{
	va_list ap;

	f->word = word;
	va_start(ap, fmt);
	vsnprintf(f->note, sizeof(f->note), fmt, ap);
	va_end(ap);
	for (char *p = f->note; *p != '\0'; p++) {
		*p = *p >= ' ' && *p < 0x7f ? *p : '?';
	}
}

/* Adds the lines of the policy. */
static void
show(struct zone_finding *f, struct span text)
{
	for (size_t at = 0; at < text.len;) {
		const char *end = memchr(text.at + at, '\n', text.len - at);
		size_t n =
		    end == NULL ? text.len - at : (size_t)(end - text.at) - at;
		bool cr = n > 0 && text.at[at + n - 1] == '\r';
		zone_found(f, text.at + at, n - cr);
		at += n + 1;
	}
}

/* True if the text is ours but for the ends of lines. */
static bool
is_ours(const struct zone *zone, const struct zone_finding *f)
{
	size_t n = strlen(zone->policy) - 1; /* without the last end */

	return f->len == n && memcmp(f->found, zone->policy, n) == 0;
}

void
zone_judge_policy(const struct zone *zone, const char *id, struct span text,
    const struct dns_mx *hosts, size_t count, struct zone_finding *f)
{
	struct sts_policy policy;

	show(f, text);
	bool ours = is_ours(zone, f), same = strcmp(id, zone->policy_id) == 0;
	if (!sts_policy_read(text, &policy)) {
		find(f, ZONE_DIFFERS,
		    "it is no policy, RFC 8461 section 3.2: senders go on as "
		    "if there were none");
		return;
	}
	for (size_t i = 0; i < count && policy.mode != STS_NONE; i++) {
		if (!sts_policy_has(&policy, hosts[i].host)) {
			find(f, ZONE_DIFFERS,
			    "it does not name the host %.200s, which is in MX: "
			    "with mode enforce, no mail comes to it",
			    hosts[i].host);
			return;
		}
	}
	if (ours && !same) {
		find(f, ZONE_DIFFERS,
		    "the id in the DNS is not of this policy: who has the one "
		    "before does not get it; enter id=%s",
		    zone->policy_id);
	} else if (!ours && same) {
		find(f, ZONE_DIFFERS,
		    "the id in the DNS is of the policy of this server: write "
		    "that (--policy), or enter an id of your own");
	} else if (policy.mode == STS_TESTING) {
		find(f, ZONE_OK,
		    "mode testing only asks for reports; without failures in "
		    "them, let it be enforce (the key mta-sts-mode)");
	} else {
		f->word = ZONE_OK;
	}
}

/* What a process that is confined has got. */
struct fetching {
	const struct config *config;
	struct dns *dns;
	const char *domain;
	ssize_t len;
	char text[STS_TEXT];
	char why[CONFIG_ERROR];
};

static int
fetch_confined(void *context)
{
	struct fetching *f = context;
	int none[] = { -1 };
	bool untrusted;

	process_close_others(none, 1);
	struct tls_client *tls = tls_client_open(f->config, true, f->why);

	if (tls == NULL) {
		return EX_OK;
	}
	privilege_become_client(f->config, SANDBOX_MEMORY);
	f->len = sts_fetch(f->dns, tls, f->domain, f->text, sizeof(f->text),
	    &untrusted, f->why);
	return EX_OK;
}

/* Runs the process. */
static void
fetch(struct fetching *f)
{
	int status;

	f->len = -1;
	strlcpy(f->why, "it does not answer in time", sizeof(f->why));
	enum process_end end =
	    process_run(fetch_confined, f, FETCHING, &status);
	if (end == PROCESS_LATE) {
		f->len = -1;
	} else if (end != PROCESS_EXITED || status != EX_OK ||
		   f->len > STS_TEXT) {
		f->len = -1;
		strlcpy(f->why, "the process that gets it has died",
		    sizeof(f->why));
	}
	f->why[sizeof(f->why) - 1] = '\0';
}

/* True if the name server does not say where the policy is. */
static bool
host_is_unknown(struct zone_check *c)
{
	char host[DKIM_KEY_NAME + 16];

	snprintf(host, sizeof(host), "mta-sts.%s", c->zone->domain);
	return zone_ask(c, host, ZONE_A) == DNS_TEMPORARY ||
	       zone_ask(c, host, ZONE_AAAA) == DNS_TEMPORARY;
}

void
zone_check_policy(
    struct zone_check *c, const char *id, struct zone_finding *finding)
{
	static struct dns_mx hosts[DNS_HOSTS];
	size_t count = 0;
	struct fetching *f = mmap(NULL, sizeof(*f), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	*finding = (struct zone_finding){ .word = ZONE_UNKNOWN };
	if (f == MAP_FAILED) {
		find(finding, ZONE_UNKNOWN, "not enough memory");
		return;
	}
	f->config = c->zone->config;
	f->dns = c->dns;
	f->domain = c->zone->domain;
	fetch(f);
	if (f->len == -1 && host_is_unknown(c)) {
		find(finding, ZONE_UNKNOWN,
		    "the name server has failed for the host of the policy");
	} else if (f->len == -1) {
		find(finding, ZONE_MISSING, "senders do not get it: %.300s",
		    f->why);
	} else {
		if (zone_ask(c, c->zone->domain, ZONE_MX) == DNS_OK) {
			(void)dns_parse_mx(
			    c->more.answer, c->more.len, hosts, &count);
		}
		zone_judge_policy(c->zone, id,
		    (struct span){ f->text, (size_t)f->len }, hosts, count,
		    finding);
	}
	munmap(f, sizeof(*f));
}
