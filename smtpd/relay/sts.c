/* SPDX-License-Identifier: ISC */
/* The MTA-STS policy of a hop's domain: asked for, fetched, told. */
#include "smtpd/relay/sts.h"

#include "common/log/log.h"
#include "smtpd/relay/client_private.h"
#include "smtpd/relay/sts_fetch.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { DAY = 24 * 60 * 60 }; /* s after which a policy is got again */

bool
sts_is_for(const struct config *config, const struct hop *hop)
{
	return config->mta_sts && hop->mx &&
	       (hop->tls == HOP_TLS_POLICY || hop->tls == HOP_TLS_VERIFY) &&
	       sts_file_is_for(hop->host);
}

void
sts_open(struct client *c)
{
	c->sts.wanted = true;
	sts_file_read(c->config, c->hop->host, &c->sts.memory);
}

/* The version of the policy that there is, by the DNS; false: none, or that
   cannot be found out. */
static bool
find_version(struct client *c, char id[STS_ID + 1])
{
	static struct dns_texts texts;
	char name[DNS_NAME], why[CONFIG_ERROR];
	size_t found = 0, at = 0;

	if ((size_t)snprintf(name, sizeof(name), "_mta-sts.%s", c->hop->host) >=
		sizeof(name) ||
	    dns_texts(c->dns, name, &texts, why) != DNS_OK) {
		return false;
	}
	for (size_t i = 0; i < texts.count; i++) {
		if (sts_record_is((struct span){
			texts.all[i].octets, texts.all[i].len })) {
			at = i;
			found++;
		}
	}
	/* Several are as good as none (section 3.1). */
	return found == 1 &&
	       sts_record_read(
		   (struct span){ texts.all[at].octets, texts.all[at].len },
		   id);
}

/* True if what is known is of that version, and young enough. */
static bool
is_fresh(const struct sts *s, const char *id, uint64_t now)
{
	uint64_t half = s->policy.max_age / 2;

	return s->counts && strcmp(s->memory.known.id, id) == 0 &&
	       now - s->memory.known.fetched < (half < DAY ? half : DAY);
}

/* Takes what is known into account. */
static void
use(struct sts *s, uint64_t now)
{
	s->counts = sts_known_counts(&s->memory.known, now) &&
	            sts_policy_read(s->memory.known.policy, &s->policy);
}

/* Gets the policy as news; else why says why there is none. */
static enum tls_result
fetch(struct client *c, char why[CONFIG_ERROR])
{
	struct agent_news *news = &c->sts.news;
	struct sts_policy policy;
	bool untrusted;

	ssize_t n = sts_fetch(c->dns, c->tls, c->hop->host, news->text,
	    sizeof(news->text), &untrusted, why);
	if (n == -1) {
		return untrusted ? TLS_RESULT_WEB : TLS_RESULT_FETCH;
	}
	if (!sts_policy_read((struct span){ news->text, (size_t)n }, &policy)) {
		strlcpy(why, "what its web server has is none", CONFIG_ERROR);
		return TLS_RESULT_POLICY;
	}
	news->len = (uint32_t)n;
	return TLS_RESULT_OK;
}

/* Gets the policy; false: what was known is all that there is. */
static bool
get(struct client *c, const char *id, uint64_t now)
{
	struct sts *s = &c->sts;
	char why[CONFIG_ERROR];

	memset(&s->news, 0, sizeof(s->news));
	enum tls_result result = fetch(c, why);
	if (result == TLS_RESULT_OK) {
		strlcpy(s->news.id, id, sizeof(s->news.id));
	} else {
		s->memory.known.retry = now + DAY; /* once for this agent */
		log_warn("no MTA-STS policy of %s%s: %s", c->hop->host,
		    s->counts ? ", the old one counts" : "", why);
		policy_note_missing(c, result);
	}
	agent_send_news(c->channel, &s->news);
	return result == TLS_RESULT_OK;
}

void
sts_refresh(struct client *c)
{
	struct sts *s = &c->sts;
	uint64_t now = (uint64_t)time(NULL);
	char id[STS_ID + 1];

	if (!s->wanted) {
		return;
	}
	use(s, now);
	if (!find_version(c, id) || is_fresh(s, id, now) ||
	    now < s->memory.known.retry || !get(c, id, now)) {
		return;
	}
	struct sts_known *k = &s->memory.known;
	memcpy(s->memory.text, s->news.text, s->news.len);
	*k = (struct sts_known){
		.fetched = now,
		.policy = { s->memory.text, s->news.len },
	};
	strlcpy(k->id, id, sizeof(k->id));
	use(s, now);
}
