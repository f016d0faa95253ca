/* SPDX-License-Identifier: ISC */
/* Macros: what filters are told besides, by names that sendmail gave them. */
#include "smtpd/filter/filter_private.h"

#include <stdio.h>
#include <string.h>

enum { VALUE = 600 };

static bool
is_local(const struct filtering *f)
{
	return strcmp(f->peer->address, "local") == 0;
}

static void
value_of_client(const struct filtering *f, const char *rcpt, char *value)
{
	(void)rcpt;
	if (is_local(f)) {
		strlcpy(value, "localhost [127.0.0.1]", VALUE);
	} else {
		snprintf(value, VALUE, "unknown [%s]", f->peer->address);
	}
}

static void
value_of_address(const struct filtering *f, const char *rcpt, char *value)
{
	(void)rcpt;
	strlcpy(value, is_local(f) ? "127.0.0.1" : f->peer->address, VALUE);
}

static void
value_of_name(const struct filtering *f, const char *rcpt, char *value)
{
	(void)rcpt;
	strlcpy(value, is_local(f) ? "localhost" : "unknown", VALUE);
}

static void
value_of_port(const struct filtering *f, const char *rcpt, char *value)
{
	(void)rcpt;
	snprintf(value, VALUE, "%u", f->peer->port);
}

static void
value_of_host(const struct filtering *f, const char *rcpt, char *value)
{
	(void)rcpt;
	strlcpy(value, f->config->hostname, VALUE);
}

static void
value_of_daemon(const struct filtering *f, const char *rcpt, char *value)
{
	(void)rcpt;
	strlcpy(value, f->role == ROLE_MX ? "MTA" : "MSA", VALUE);
}

static void
value_of_version(const struct filtering *f, const char *rcpt, char *value)
{
	(void)f;
	(void)rcpt;
	strlcpy(value, "restante " VERSION, VALUE);
}

/* "TLS1.3, AES-256-GCM" */
static void
value_of_tls(const struct filtering *f, const char *rcpt, char *value)
{
	const char *text = f->question.tls;

	(void)rcpt;
	if (strncmp(text, "TLS", 3) == 0) {
		snprintf(value, VALUE, "TLSv%.*s", (int)strcspn(text + 3, ","),
		    text + 3);
	}
}

static void
value_of_cipher(const struct filtering *f, const char *rcpt, char *value)
{
	const char *comma = strchr(f->question.tls, ',');

	(void)rcpt;
	if (comma != NULL) {
		strlcpy(value, comma + 1 + strspn(comma + 1, " "), VALUE);
	}
}

static void
value_of_id(const struct filtering *f, const char *rcpt, char *value)
{
	(void)rcpt;
	strlcpy(value, f->mail.id, VALUE);
}

static void
value_of_method(const struct filtering *f, const char *rcpt, char *value)
{
	(void)rcpt;
	strlcpy(value, f->question.method, VALUE);
}

static void
value_of_user(const struct filtering *f, const char *rcpt, char *value)
{
	(void)rcpt;
	strlcpy(value, f->user, VALUE);
}

static void
value_of_sender(const struct filtering *f, const char *rcpt, char *value)
{
	(void)rcpt;
	strlcpy(value, f->mail.sender, VALUE);
}

static const char *
domain_of(const char *address)
{
	const char *at = strrchr(address, '@');

	return at == NULL ? "" : at + 1;
}

static void
value_of_sender_host(const struct filtering *f, const char *rcpt, char *value)
{
	(void)rcpt;
	strlcpy(value, domain_of(f->mail.sender), VALUE);
}

static void
value_of_rcpt(const struct filtering *f, const char *rcpt, char *value)
{
	(void)f;
	strlcpy(value, rcpt, VALUE);
}

static void
value_of_rcpt_host(const struct filtering *f, const char *rcpt, char *value)
{
	(void)f;
	strlcpy(value, domain_of(rcpt), VALUE);
}

static void
value_of_mailer(const struct filtering *f, const char *rcpt, char *value)
{
	const char *domain = domain_of(rcpt);
	bool here = *domain == '\0' || config_is_ours(f->config, domain);

	strlcpy(value, here ? "local" : "esmtp", VALUE);
}

/* The macros that there are; bits of the stages that have them if the filter
   does not ask for others. */
static const struct {
	const char *name;
	void (*value)(const struct filtering *, const char *rcpt, char *value);
	unsigned stages;
} macros[] = {
	{ "j", value_of_host, 1U << MILTER_CONNECT },
	{ "_", value_of_client, 1U << MILTER_CONNECT },
	{ "{daemon_name}", value_of_daemon, 1U << MILTER_CONNECT },
	{ "v", value_of_version, 1U << MILTER_CONNECT },
	{ "{client_addr}", value_of_address, 1U << MILTER_CONNECT },
	{ "{client_name}", value_of_name, 1U << MILTER_CONNECT },
	{ "{client_ptr}", value_of_name, 1U << MILTER_CONNECT },
	{ "{client_port}", value_of_port, 1U << MILTER_CONNECT },
	{ "{tls_version}", value_of_tls, 1U << MILTER_HELO },
	{ "{cipher}", value_of_cipher, 1U << MILTER_HELO },
	{ "i", value_of_id,
	    1U << MILTER_MAIL | 1U << MILTER_RCPT | 1U << MILTER_DATA |
		1U << MILTER_EOH | 1U << MILTER_EOM },
	{ "{auth_type}", value_of_method, 1U << MILTER_MAIL },
	{ "{auth_authen}", value_of_user, 1U << MILTER_MAIL },
	{ "{mail_addr}", value_of_sender, 1U << MILTER_MAIL },
	{ "{mail_host}", value_of_sender_host, 1U << MILTER_MAIL },
	{ "{rcpt_addr}", value_of_rcpt, 1U << MILTER_RCPT },
	{ "{rcpt_host}", value_of_rcpt_host, 1U << MILTER_RCPT },
	{ "{rcpt_mailer}", value_of_mailer, 1U << MILTER_RCPT },
};

/* True if a name is among those, with blanks between them; a letter may have
   braces or not. */
static bool
is_among(const char *names, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = names; *at != '\0';) {
		size_t n = strcspn(at, " ");
		if ((n == len && memcmp(at, name, n) == 0) ||
		    (len == 1 && n == 3 && at[0] == '{' && at[1] == *name)) {
			return true;
		}
		at += n;
		at += strspn(at, " ");
	}
	return false;
}

void
filter_macros(struct filtering *f, enum milter_stage stage, const char *rcpt)
{
	const char *asked = f->milter.symbols[stage];
	struct writer *w = &f->talk.out;
	size_t before = w->len, begun = milter_macros(w, stage);
	bool any = false;

	for (size_t i = 0; i < sizeof(macros) / sizeof(macros[0]); i++) {
		char value[VALUE] = "";
		bool wanted = asked[0] != '\0'
		                  ? is_among(asked, macros[i].name)
		                  : (macros[i].stages >> stage & 1) != 0;
		if (wanted) {
			macros[i].value(f, rcpt, value);
		}
		if (value[0] != '\0') {
			milter_macro(w, macros[i].name, value);
			any = true;
		}
	}
	packet_end(w, begun);
	w->len = any ? w->len : before;
}
