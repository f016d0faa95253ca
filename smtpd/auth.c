/* SPDX-License-Identifier: ISC */
/* AUTH (RFC 4954): carries the exchange; a worker checks what it yields. */
#include "common/deadline.h"
#include "common/base64.h"
#include "common/log.h"
#include "common/login.h"
#include "common/secure.h"
#include "smtpd/session.h"

#include <string.h>
#include <strings.h>
#include <time.h>

enum {
	MOST_FAILURES = 5,
	FAILURE_DELAY = 1000, /* ms from the attempt to its refusal */
};

static const char *const mechanism_names[] = { "PLAIN", "LOGIN", "CRAM-MD5" };

/* Decodes an answer ("=" is an empty one) and takes the next step. */
static enum sasl_result
step(struct sasl *sasl, const char *text)
{
	static char data[LINE_AUTH];
	ssize_t n = 0;

	if (strcmp(text, "=") != 0) {
		n = base64_decode(text, strlen(text), data, sizeof(data) - 1);
	}
	if (n < 0) {
		return SASL_MALFORMED;
	}
	data[n] = '\0';
	enum sasl_result result = sasl_step(sasl, data, (size_t)n);
	explicit_bzero(data, sizeof(data));
	return result;
}

/* Sends the challenge and takes the client's answer. */
static enum sasl_result
ask(struct session *s, struct sasl *sasl, enum line *got, bool *cancelled)
{
	static char line[LINE_AUTH + 1];
	char prompt[BASE64_SIZE(sizeof(sasl->prompt))];
	size_t len;

	if (base64_encode(sasl->prompt, strlen(sasl->prompt), prompt,
		sizeof(prompt)) < 0) {
		return SASL_MALFORMED;
	}
	session_reply(s, "334 %s", prompt);
	*got = stream_getline(s->stream, line, sizeof(line), &len);
	if (*got != LINE_OK) {
		return SASL_MALFORMED;
	}
	*cancelled = strcmp(line, "*") == 0;
	enum sasl_result result =
	    *cancelled ? SASL_MALFORMED : step(sasl, line);
	explicit_bzero(line, sizeof(line));
	return result;
}

static enum next
failed(struct session *s, const struct sasl *sasl, int64_t started)
{
	/* As long for a known user as for an unknown one. */
	int64_t left = started + FAILURE_DELAY - deadline_now();
	struct timespec ts = { .tv_sec = left / 1000,
		.tv_nsec = left % 1000 * 1000000 };

	log_warn("warning: unknown[%s]: SASL %s authentication failed: wrong "
		 "name or password, sasl_username=%s",
	    session_peer(s), mechanism_names[sasl->login.mechanism],
	    sasl->login.name);
	if (left > 0) {
		clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
	}
	session_reply(s, "535 5.7.8 Wrong name or password");
	if (++s->logins_failed >= MOST_FAILURES) {
		session_reply(s, "421 4.7.0 %s Too many failed logins",
		    s->connection->config->hostname);
		return NEXT_END;
	}
	return NEXT_COMMAND;
}

static enum next
check(struct session *s, const struct sasl *sasl)
{
	int64_t started = deadline_now();
	enum status status = channel_call(
	    s->connection->channel, REQUEST_LOGIN, &sasl->login, LOGIN_SIZE(0));

	if (status == STATUS_OK &&
	    user_name(s->connection->config, sasl->login.name, s->user)) {
		log_info("unknown[%s]: logged in, sasl_method=%s, "
			 "sasl_username=%s",
		    session_peer(s), mechanism_names[sasl->login.mechanism],
		    s->user);
		return session_reply(s, "235 2.7.0 Welcome");
	}
	if (status == STATUS_NO) {
		return failed(s, sasl, started);
	}
	return session_reply(s, "454 4.7.0 Cannot check passwords now");
}

/* Runs the exchange to its end. */
static enum next
exchange(struct session *s, struct sasl *sasl, const char *initial)
{
	enum line got = LINE_OK;
	bool cancelled = false;
	enum sasl_result result =
	    *initial != '\0' ? step(sasl, initial) : sasl_step(sasl, NULL, 0);

	while (result == SASL_CONTINUE) {
		result = ask(s, sasl, &got, &cancelled);
	}
	if (got == LINE_LONG) {
		return session_reply(s, "500 5.5.6 Line too long");
	}
	if (got != LINE_OK) {
		return session_bad_line(s, got);
	}
	if (cancelled) {
		return session_reply(s, "501 5.7.0 Cancelled");
	}
	if (result != SASL_DONE) {
		return session_reply(s, "501 5.5.2 Malformed SASL data");
	}
	return check(s, sasl);
}

enum next
command_auth(struct session *s, char *argument)
{
	const struct connection *c = s->connection;
	struct sasl sasl;

	argument += strspn(argument, " \t");
	char *initial = argument + strcspn(argument, " \t");
	if (*initial != '\0') {
		*initial++ = '\0';
		initial += strspn(initial, " \t");
	}
	if (session_is_user(s)) {
		return session_reply(s, "503 5.5.1 Logged in already");
	}
	if (!secure_for_passwords(s->connection, s->stream)) {
		return session_reply(
		    s, "538 5.7.11 Encryption required: STARTTLS first");
	}
	if (!sasl_start(&sasl, argument, c->config->hostname) ||
	    (sasl.login.mechanism == MECHANISM_CRAM_MD5 &&
		!names_have_cram(c->names))) {
		return session_reply(s, "504 5.5.4 Unknown mechanism");
	}
	if (*initial != '\0' && !sasl_client_first(&sasl)) {
		return session_reply(
		    s, "501 5.7.0 This mechanism has no initial response");
	}
	enum next next = exchange(s, &sasl, initial);
	explicit_bzero(&sasl, sizeof(sasl));
	return next;
}
