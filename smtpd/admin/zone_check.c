/* SPDX-License-Identifier: ISC */
/* Compares the records that a mail domain needs with what the DNS has. */
#include "smtpd/admin/zone_private.h"

#include "common/auth/tags.h"
#include "common/dns/dns.h"
#include "common/log/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum found { FOUND_OK, FOUND_WRONG, FOUND_UNKNOWN };

static enum found
say(enum found found, const char *word, const struct zone_record *r,
    const char *theirs)
{
	printf("%-7s %s %s\n", word, zone_types[r->type], r->name);
	if (found != FOUND_OK) {
		printf("        should be: %s\n", r->value);
		if (theirs != NULL) {
			printf("        the DNS:   %s\n", theirs);
		}
	}
	return found;
}

static enum found
say_status(enum dns_status status, const struct zone_record *r, const char *why)
{
	return status == DNS_TEMPORARY ? say(FOUND_UNKNOWN, "UNKNOWN", r, why)
	                               : say(FOUND_WRONG, "MISSING", r, NULL);
}

/* The same, but for the case of what means the same, blanks and base64. */
static bool
same_text(const char *a, const char *b)
{
	for (;; a++, b++) {
		while (is_blank(*a)) {
			a++;
		}
		while (is_blank(*b)) {
			b++;
		}
		if (*a != *b) {
			return false;
		}
		if (*a == '\0') {
			return true;
		}
	}
}

/* How records of that kind begin: others may be at the same name. */
static size_t
kind_length(const char *value)
{
	return strcspn(value, "; ");
}

/* A policy that asks for more than ours, or reports to somebody else, is the
   administrator's choice. */
static bool
is_choice(const char *theirs, const char *ours)
{
	struct span p;

	return strncasecmp(ours, "v=DMARC1", 8) == 0 &&
	       tags_valid(theirs, strlen(theirs)) &&
	       tags_find(theirs, strlen(theirs), "p", &p);
}

/* So is a record of SPF that passes our addresses, and more. */
static bool
is_wider(const char *theirs, const char *ours)
{
	char words[DKIM_RECORD], *rest = words;

	if (strncasecmp(ours, "v=spf1 ", 7) != 0) {
		return false;
	}
	strlcpy(words, ours, sizeof(words));
	for (const char *word; (word = strsep(&rest, " ")) != NULL;) {
		size_t n = strlen(word);
		const char *at = theirs;
		while ((at = strcasestr(at, word)) != NULL &&
		       ((at != theirs && at[-1] != ' ' && at[-1] != '+') ||
			   (at[n] != ' ' && at[n] != '\0'))) {
			at++;
		}
		if (at == NULL && strstr(word, "all") == NULL) {
			return false;
		}
	}
	return true;
}

static enum found
check_text(struct dns *dns, const struct zone_record *r)
{
	static struct dns_texts texts;
	char why[CONFIG_ERROR];
	size_t n = kind_length(r->value), same = 0, first = 0;

	enum dns_status status = dns_texts(dns, r->name, &texts, why);
	if (status != DNS_OK) {
		return say_status(status, r, why);
	}
	for (size_t i = 0; i < texts.count; i++) {
		if (strncasecmp(texts.all[i].octets, r->value, n) == 0) {
			first = same++ == 0 ? i : first;
		}
	}
	const char *theirs = texts.all[first].octets;
	if (same == 0) {
		return say(FOUND_WRONG, "MISSING", r,
		    theirs[0] == '"' ? "the quotes are part of the value"
				     : NULL);
	}
	if (same > 1) {
		return say(FOUND_WRONG, "EXTRA", r,
		    "there are several: with two of them none counts");
	}
	return same_text(theirs, r->value) || is_choice(theirs, r->value) ||
	               is_wider(theirs, r->value)
	           ? say(FOUND_OK, "OK", r, NULL)
	           : say(FOUND_WRONG, "DIFFERS", r, theirs);
}

static enum found
check_mx(struct dns *dns, const struct zone_record *r)
{
	static struct dns_mx hosts[DNS_HOSTS];
	char why[CONFIG_ERROR];
	const char *ours = strchr(r->value, ' ') + 1;
	size_t count = 0;

	enum dns_status status = dns_mx(dns, r->name, hosts, &count, why);
	if (status != DNS_OK) {
		return say_status(status, r, why);
	}
	for (size_t i = 0; i < count; i++) {
		size_t n = strlen(hosts[i].host);
		if (strncasecmp(hosts[i].host, ours, n) == 0 &&
		    strcmp(ours + n, ".") == 0) {
			return say(FOUND_OK, "OK", r, NULL);
		}
	}
	return say(FOUND_WRONG, "DIFFERS", r, hosts[0].host);
}

static enum found
check_address(struct dns *dns, const struct zone_record *r)
{
	static struct dns_address addresses[DNS_ADDRESSES];
	char why[CONFIG_ERROR], text[INET6_ADDRSTRLEN];
	size_t count = 0;

	enum dns_status status =
	    dns_addresses(dns, r->name, addresses, &count, why);
	if (status != DNS_OK) {
		return say_status(status, r, why);
	}
	for (size_t i = 0; i < count; i++) {
		const void *sa = &addresses[i].address;
		bool four = addresses[i].address.ss_family == AF_INET;
		const void *octets =
		    four ? (const void *)&((const struct sockaddr_in *)sa)
			       ->sin_addr
			 : (const void *)&((const struct sockaddr_in6 *)sa)
			       ->sin6_addr;
		if (inet_ntop(four ? AF_INET : AF_INET6, octets, text,
			sizeof(text)) != NULL &&
		    strcmp(text, r->value) == 0) {
			return say(FOUND_OK, "OK", r, NULL);
		}
	}
	return say(FOUND_WRONG, "DIFFERS", r, "other addresses");
}

int
zone_check(const struct config *config, const struct zone *zone)
{
	struct dns *dns = dns_open(config);
	bool wrong = false, unknown = false;

	if (dns == NULL) {
		log_error("no name server: %s", strerror(errno));
		return 2;
	}
	for (size_t i = 0; i < zone->count; i++) {
		const struct zone_record *r = &zone->records[i];
		enum found found = FOUND_OK;
		switch (r->type) {
		case ZONE_A:
		case ZONE_AAAA:
			found = check_address(dns, r);
			break;
		case ZONE_MX:
			found = check_mx(dns, r);
			break;
		case ZONE_TXT:
			found = check_text(dns, r);
			break;
		case ZONE_SRV: /* a convenience, which no mail depends on */
			break;
		}
		wrong = wrong || found == FOUND_WRONG;
		unknown = unknown || found == FOUND_UNKNOWN;
	}
	dns_close(dns);
	return wrong ? 1 : unknown ? 2 : 0;
}
