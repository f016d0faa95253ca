/* SPDX-License-Identifier: ISC */
/* From a connected socket to a session: greeting, EHLO, STARTTLS, AUTH. */
#include "smtpd/relay/client_private.h"

#include "common/io/deadline.h"
#include "common/log/log.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum { OUR_NAME = CONFIG_NAME + 8 };

/* Adds the arguments of AUTH; very old servers write "AUTH=". */
static void
offer_mechanisms(struct offer *o, const char *words, size_t len)
{
	char *to = o->mechanisms;
	size_t have = strlen(to);

	if (have + 1 + len + 1 > sizeof(o->mechanisms)) {
		return;
	}
	if (have > 0) {
		to[have++] = ' ';
	}
	memcpy(to + have, words, len);
	to[have + len] = '\0';
	o->extensions |= EXT_AUTH;
}

static uint64_t
offer_number(const char *digits, size_t len)
{
	uint64_t n = 0;

	for (size_t i = 0; i < len && isdigit((unsigned char)digits[i]); i++) {
		if (n > UINT64_MAX / 10 - 9) {
			return 0; /* more than any message, or time */
		}
		n = n * 10 + (uint64_t)(digits[i] - '0');
	}
	return n;
}

/* RFC 9422 section 4: "RCPTMAX=50"; a limit that is not understood is none. */
static void
offer_limits(struct offer *o, const char *words, size_t len)
{
	const struct {
		const char *name;
		uint64_t *most;
	} limits[] = {
		{ "MAILMAX=", &o->most_mails },
		{ "RCPTMAX=", &o->most_rcpts },
		{ "RCPTDOMAINMAX=", &o->most_domains },
	};
	size_t n;

	for (size_t at = 0; at < len; at += n + 1) {
		for (n = 0; at + n < len && words[at + n] != ' '; n++) {
		}
		for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]);
		     i++) {
			size_t name = strlen(limits[i].name);
			if (n > name && strncasecmp(words + at, limits[i].name,
					    name) == 0) {
				*limits[i].most =
				    offer_number(words + at + name, n - name);
			}
		}
	}
}

static void
offer_line(struct offer *o, const char *line, size_t len)
{
	static const struct {
		const char *word;
		enum extension extension;
	} known[] = {
		{ "PIPELINING", EXT_PIPELINING },
		{ "8BITMIME", EXT_8BITMIME },
		{ "SMTPUTF8", EXT_SMTPUTF8 },
		{ "DSN", EXT_DSN },
		{ "CHUNKING", EXT_CHUNKING },
		{ "STARTTLS", EXT_STARTTLS },
		{ "REQUIRETLS", EXT_REQUIRETLS },
		{ "DELIVERBY", EXT_DELIVERBY },
	};
	size_t word = 0;

	while (word < len && line[word] != ' ' && line[word] != '=') {
		word++;
	}
	const char *rest = line + word + (word < len);
	size_t left = len - word - (word < len);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strlen(known[i].word) == word &&
		    strncasecmp(known[i].word, line, word) == 0) {
			o->extensions |= known[i].extension;
		}
	}
	o->extensions |= envelope_extension(line, word);
	if (word == 4 && strncasecmp(line, "SIZE", 4) == 0) {
		o->extensions |= EXT_SIZE;
		o->size_limit = offer_number(rest, left);
	} else if (word == 9 && strncasecmp(line, "DELIVERBY", 9) == 0) {
		o->soonest = offer_number(rest, left);
	} else if (word == 4 && strncasecmp(line, "AUTH", 4) == 0) {
		offer_mechanisms(o, rest, left);
	} else if (word == 6 && strncasecmp(line, "LIMITS", 6) == 0) {
		offer_limits(o, rest, left);
	}
}

/* Reads the lines of an EHLO reply.  Pure. */
static void
session_offer(const struct response *r, struct offer *o)
{
	const char *p = strchr(r->text, '\n');

	memset(o, 0, sizeof(*o));
	while (p != NULL) {
		size_t len = strcspn(++p, "\n");
		offer_line(o, p, len);
		p = p[len] == '\n' ? p + len : NULL;
	}
}

/* A refusal before there is a session: another host may take us. */
static enum session_result
session_refused(struct client *c, enum phase phase)
{
	enum session_result result =
	    judge_is_policy(&c->response) ? SESSION_POLICY : SESSION_NEXT_HOST;

	client_set_verdict_response(c, OUTCOME_DEAD, phase, NULL);
	return result;
}

/*
 * What we call ourselves: RFC 5321 section 4.1.4, a full name, or else the
 * address that we come from.
 */
static const char *
our_name(const struct client *c, char text[OUR_NAME])
{
	const char *name = c->config->hostname;
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} a;
	char address[INET6_ADDRSTRLEN] = "";
	socklen_t len = sizeof(a);

	if (strchr(name, '.') != NULL || c->hop->unix_socket ||
	    getsockname(c->peer.fd, &a.any, &len) == -1) {
		return name;
	}
	bool v6 = a.any.sa_family == AF_INET6;
	inet_ntop(a.any.sa_family,
	    v6 ? (const void *)&a.v6.sin6_addr : (const void *)&a.v4.sin_addr,
	    address, sizeof(address));
	snprintf(text, OUR_NAME, "[%s%s]", v6 ? "IPv6:" : "", address);
	return text;
}

static enum session_result
ehlo(struct client *c)
{
	char name[OUR_NAME];
	bool lmtp = c->hop->transport == TRANSPORT_LMTP;

	memset(&c->offer, 0, sizeof(c->offer));
	if (client_has_input(c)) {
		client_set_verdict(c, OUTCOME_DEAD, "4.5.0",
		    "host %s sent data, or closed the connection, unasked",
		    c->peer.peer);
		return SESSION_NEXT_HOST;
	}
	const char *us = our_name(c, name);
	client_send_command(c, "%s %s", lmtp ? "LHLO" : "EHLO", us);
	if (!client_read_response(c, PHASE_HELLO)) {
		return SESSION_NEXT_HOST;
	}
	if (c->response.code / 100 == 2) {
		session_offer(&c->response, &c->offer);
		return SESSION_OK;
	}
	if (c->response.code / 100 == 5 && !lmtp) {
		/* RFC 5321 section 3.2: one that knows no extensions. */
		client_send_command(c, "HELO %s", us);
		if (!client_read_response(c, PHASE_HELLO)) {
			return SESSION_NEXT_HOST;
		}
	}
	return c->response.code / 100 == 2 ? SESSION_OK
	                                   : session_refused(c, PHASE_HELLO);
}

/* What would be wrong with the certificate if the policy were no test. */
static enum tls_result
testing_result(const struct client *c, struct tls_session *tls)
{
	enum tls_fault fault = TLS_FAULT_OTHER;
	char error[CONFIG_ERROR];

	return sts_policy_has(&c->sts.policy, c->policy.host) &&
	               tls_is_trusted(tls, c->policy.host, &fault, error)
	           ? TLS_RESULT_OK
	           : policy_result(fault);
}

/* What a session is for a report, now that there is TLS.  Where there are TLSA
   records, but none that can be used, nobody has proved anything, and the owner
   should know (RFC 8460 section 4.3.2.1). */
static enum tls_result
secured_result(const struct client *c, struct tls_session *tls)
{
	switch (c->policy.kind) {
	case POLICY_STS_TESTING:
		return testing_result(c, tls);
	case POLICY_DANE:
		return c->dane.state == DANE_TLS ? TLS_RESULT_TLSA
		                                 : TLS_RESULT_OK;
	case POLICY_OPEN:
	case POLICY_STS:
		break;
	}
	return TLS_RESULT_OK;
}

static enum session_result
handshake(struct client *c)
{
	const struct policy *p = &c->policy;
	char error[CONFIG_ERROR];
	enum tls_fault fault;
	struct tls_session *tls = tls_connect(c->tls, c->peer.fd, p->name,
	    &p->want, deadline_now() + c->timeouts.handshake, &fault, error);

	if (tls != NULL) {
		policy_note(c, secured_result(c, tls));
		stream_secure(c->stream, &tls_transport, tls);
		return SESSION_OK;
	}
	policy_note(c, policy_result(fault));
	client_set_verdict(c, OUTCOME_DEAD, "4.7.5", "TLS with %s failed: %s",
	    c->peer.peer, error);
	return p->tls ? SESSION_NEXT_HOST : SESSION_CLEAR;
}

static enum session_result
starttls(struct client *c)
{
	bool may = !c->policy.tls;

	if ((c->offer.extensions & EXT_STARTTLS) == 0) {
		policy_note(c, TLS_RESULT_STARTTLS);
		client_set_verdict(c, OUTCOME_DEAD, "4.7.4",
		    "host %s does not offer STARTTLS, and mail goes there only "
		    "over TLS",
		    c->peer.peer);
		return may ? SESSION_OK : SESSION_NEXT_HOST;
	}
	client_send_command(c, "STARTTLS");
	if (!client_read_response(c, PHASE_STARTTLS)) {
		return SESSION_NEXT_HOST;
	}
	if (c->response.code != 220) {
		policy_note(c, TLS_RESULT_OTHER);
		client_set_verdict_response(
		    c, OUTCOME_DEAD, PHASE_STARTTLS, "4.7.4");
		return may && c->response.code != 421 ? SESSION_OK
		                                      : SESSION_NEXT_HOST;
	}
	if (stream_poll(c->stream) == LINE_OK) {
		policy_note(c, TLS_RESULT_OTHER);
		/* Injected by an attacker, to be read as if it came over TLS.
		 */
		client_set_verdict(c, OUTCOME_DEAD, "4.7.5",
		    "host %s sent plaintext after its reply to STARTTLS: "
		    "somebody may be tampering with the connection",
		    c->peer.peer);
		return SESSION_NEXT_HOST;
	}
	enum session_result result = handshake(c);
	/* RFC 3207 section 4.2: what was offered before does not count. */
	return result == SESSION_OK ? ehlo(c) : result;
}

static enum session_result
greeting(struct client *c)
{
	if (!client_read_response(c, PHASE_GREETING)) {
		return SESSION_NEXT_HOST;
	}
	return c->response.code == 220 ? SESSION_OK
	                               : session_refused(c, PHASE_GREETING);
}

enum session_result
session_start(struct client *c, bool clear)
{
	enum session_result result = SESSION_OK;
	bool tls = c->tls != NULL && !c->hop->unix_socket && !clear;

	if (c->hop->wrapped) {
		result = handshake(c);
	}
	if (result == SESSION_OK) {
		result = greeting(c);
	}
	if (result == SESSION_OK) {
		result = ehlo(c);
	}
	if (result == SESSION_OK && tls && !c->hop->wrapped) {
		result = starttls(c);
	}
	if (result == SESSION_OK && c->hop->user[0] != '\0' &&
	    !session_login(c)) {
		/* More tries with that password may lock the account. */
		result = c->response.state == RESPONSE_DONE &&
		                 c->response.code / 100 == 5
		             ? SESSION_BARRED
		             : SESSION_NEXT_HOST;
	}
	return result;
}
