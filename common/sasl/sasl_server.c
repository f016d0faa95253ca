/* SPDX-License-Identifier: ISC */
/* AUTH: carries the exchange between the client and the workers. */
#include "common/sasl/sasl_server.h"

#include "common/text/base64.h"

#include <string.h>

/* A mechanism is offered where it serves: by credentials, and by TLS. */
static bool
offered(const struct connection *c, const struct stream *stream,
    enum mechanism mechanism, const struct sasl *sasl)
{
	bool bound = sasl->nbindings > 0;

	switch (mechanism) {
	case MECHANISM_PLAIN:
	case MECHANISM_LOGIN:
		break;
	case MECHANISM_CRAM_MD5:
		return names_have_cram(c->names);
	case MECHANISM_SCRAM:
		return names_all_have_scram(c->names, CRYPTO_KIND_SHA256);
	case MECHANISM_SCRAM_PLUS:
		return names_all_have_scram(c->names, CRYPTO_KIND_SHA256) &&
		       bound;
	case MECHANISM_SCRAM_SHA1:
		return names_all_have_scram(c->names, CRYPTO_KIND_SHA1);
	case MECHANISM_SCRAM_SHA1_PLUS:
		return names_all_have_scram(c->names, CRYPTO_KIND_SHA1) &&
		       bound;
	case MECHANISM_OAUTHBEARER:
	case MECHANISM_XOAUTH2:
		/* A token can be used by any process that reads it. */
		return c->config->oauth_command[0] != '\0' &&
		       stream_tls(stream) != NULL && names_have_oauth(c->names);
	case MECHANISM_EXTERNAL:
		return sasl->certificate[0] != '\0' &&
		       names_have_certificate(c->names);
	}
	return true;
}

/* Sets what this connection's logins may be bound to, or proved by. */
static void
set_channel_binding(
    const struct connection *c, const struct stream *stream, struct sasl *sasl)
{
	static const char *const names[] = {
		[TLS_BINDING_EXPORTER] = "tls-exporter",
		[TLS_BINDING_END_POINT] = "tls-server-end-point",
	};
	struct tls_session *tls = stream_tls(stream);
	uint8_t data[TLS_BINDING_SIZE];

	if (tls != NULL) {
		tls_client_fingerprint(tls, sasl->certificate);
	}
	if (!c->config->channel_binding) {
		return;
	}
	for (int i = 0; tls != NULL && i < SASL_BINDINGS; i++) {
		size_t n = tls_binding(tls, (enum tls_binding)i, data);
		if (n > 0) {
			sasl_bind(sasl, names[i], data, n);
		}
	}
}

const char *
sasl_server_offer(const struct connection *c, const struct stream *stream,
    bool everybody, char offer[SASL_OFFER])
{
	static struct sasl sasl; /* large, and little of it is touched */

	sasl.nbindings = 0;
	sasl.certificate[0] = '\0';
	set_channel_binding(c, stream, &sasl);
	offer[0] = '\0';
	for (uint32_t m = 0; m < MECHANISMS; m++) {
		if (everybody && m == MECHANISM_CRAM_MD5 &&
		    !names_all_have_cram(c->names)) {
			continue;
		}
		if (offered(c, stream, (enum mechanism)m, &sasl)) {
			strlcat(offer, m == 0 ? "" : " ", SASL_OFFER);
			strlcat(offer, sasl_name(m), SASL_OFFER);
		}
	}
	return offer;
}

/* Goes on by the workers' help, until the client is to be asked again. */
static enum sasl_result
ask_worker(const struct connection *c, struct sasl *sasl,
    enum sasl_result result, enum sasl_outcome *outcome)
{
	uint8_t signature[PASSWORD_DIGEST];
	struct password_salt salt;
	char name[USER_NAME + 1];
	enum status status;

	switch (result) {
	case SASL_SALT:
		status = channel_ask(c->channel, REQUEST_SALT, &sasl->login,
		    LOGIN_SIZE(0), &salt, sizeof(salt));
		if (status == STATUS_OK) {
			return sasl_salt(sasl, &salt);
		}
		*outcome = SASL_OUTCOME_TEMPORARY;
		return SASL_MALFORMED;
	case SASL_NAME:
		status = channel_ask(c->channel, REQUEST_NAME, &sasl->login,
		    LOGIN_SIZE(0), name, sizeof(name));
		if (status == STATUS_OK || status == STATUS_NO) {
			name[status == STATUS_OK ? USER_NAME : 0] = '\0';
			return sasl_name_is(sasl, name);
		}
		*outcome = SASL_OUTCOME_TEMPORARY;
		return SASL_MALFORMED;
	case SASL_PROOF:
		status = channel_ask(c->channel, REQUEST_PROOF, &sasl->login,
		    LOGIN_SIZE(0), signature, sizeof(signature));
		/* The verdict is that of REQUEST_LOGIN alone, good or bad. */
		return status == STATUS_OK ? sasl_signature(sasl, signature)
		                           : SASL_DONE;
	case SASL_CONTINUE:
	case SASL_DONE:
	case SASL_MALFORMED:
		break;
	}
	return result;
}

/* Decodes an answer ("=" is an empty one) and takes the next step. */
static enum sasl_result
take_step(struct sasl *sasl, const char *text)
{
	static char data[SASL_LINE];
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
ask_client(struct stream *stream, const char *prompt, struct sasl *sasl,
    enum line *got, enum sasl_outcome *outcome)
{
	static char line[SASL_LINE + 1];
	char challenge[BASE64_SIZE(sizeof(sasl->prompt))];
	size_t len;

	if (base64_encode(sasl->prompt, strlen(sasl->prompt), challenge,
		sizeof(challenge)) < 0) {
		return SASL_MALFORMED;
	}
	stream_printf(stream, "%s%s\r\n", prompt, challenge);
	*got = stream_getline(stream, line, sizeof(line), &len);
	if (*got != LINE_OK) {
		*outcome = SASL_OUTCOME_LINE;
		return SASL_MALFORMED;
	}
	if (strcmp(line, "*") == 0) {
		*outcome = SASL_OUTCOME_CANCELLED;
		return SASL_MALFORMED;
	}
	enum sasl_result result = take_step(sasl, line);
	explicit_bzero(line, sizeof(line));
	return result;
}

enum sasl_outcome
sasl_server_run(const struct connection *c, struct stream *stream,
    const char *prompt, char *argument, struct sasl *sasl, enum line *line)
{
	enum sasl_outcome outcome = SASL_OUTCOME_MALFORMED;

	argument += strspn(argument, " \t");
	char *initial = argument + strcspn(argument, " \t");
	if (*initial != '\0') {
		*initial++ = '\0';
		initial += strspn(initial, " \t");
	}
	if (!sasl_start(sasl, argument, c->config->hostname)) {
		return SASL_OUTCOME_UNKNOWN;
	}
	sasl->config = c->config;
	set_channel_binding(c, stream, sasl);
	if (!offered(c, stream, (enum mechanism)sasl->login.mechanism, sasl)) {
		return SASL_OUTCOME_UNKNOWN;
	}
	if (*initial != '\0' && !sasl_client_first(sasl)) {
		return SASL_OUTCOME_INITIAL;
	}
	enum sasl_result result = *initial != '\0' ? take_step(sasl, initial)
	                                           : sasl_step(sasl, NULL, 0);
	result = ask_worker(c, sasl, result, &outcome);
	while (result == SASL_CONTINUE) {
		result = ask_client(stream, prompt, sasl, line, &outcome);
		result = ask_worker(c, sasl, result, &outcome);
	}
	return result == SASL_DONE ? SASL_OUTCOME_LOGIN : outcome;
}

/* Google's form for XOAUTH2 has numbers where RFC 7628 has words. */
static const char *
reasons(uint32_t mechanism)
{
	return mechanism == MECHANISM_OAUTHBEARER
	           ? "{\"status\":\"invalid_token\"}"
	           : "{\"status\":\"401\",\"schemes\":\"bearer\"}";
}

void
sasl_server_refused(
    struct stream *stream, const char *prompt, const struct login *login)
{
	char line[SASL_REFUSAL], text[BASE64_SIZE(SASL_REFUSAL)];
	const char *words = reasons(login->mechanism);
	size_t len;

	if (login_is_token(login) &&
	    base64_encode(words, strlen(words), text, sizeof(text)) > 0) {
		stream_printf(stream, "%s%s\r\n", prompt, text);
		if (stream_getline(stream, line, sizeof(line), &len) !=
		    LINE_OK) {
			return; /* whatever it says, the refusal is next */
		}
	}
}
