/* SPDX-License-Identifier: ISC */
/*
 * Next hops: what is written in the configuration is what is connected to, by
 * TLS as strict as it says, and passwords stay out of texts.
 */
#include "smtpd/route/hop.h"

#include "tests/unit/tap.h"

#include <stdio.h>
#include <string.h>

#define DOMAIN "There.Example"

static const struct {
	const char *url, *text, *user, *password;
} good[] = {
	{ "mx", "mx there.example", "", "" },
	{ "mx:25", "mx there.example", "", "" },
	{ "mx:2525", "mx there.example:2525", "", "" },
	{ "smtp://h.example", "smtp://h.example:25?tls=may", "", "" },
	{ "SMTP://H.Example", "smtp://h.example:25?tls=may", "", "" },
	{ "smtp://h.example/", "smtp://h.example:25?tls=may", "", "" },
	{ "smtp://h:587", "smtp://h:587?tls=may", "", "" },
	{ "smtp://h?tls=never", "smtp://h:25?tls=never", "", "" },
	{ "smtp://h?tls=may", "smtp://h:25?tls=may", "", "" },
	{ "smtp://h/?tls=must", "smtp://h:25?tls=must", "", "" },
	{ "smtp://h:587?tls=verify", "smtp://h:587?tls=verify", "", "" },
	{ "smtp://u@h", "smtp://u@h:25?tls=verify", "u", "" },
	{ "smtp://u:@h", "smtp://u@h:25?tls=verify", "u", "" },
	{ "smtp://u:p@h", "smtp://u@h:25?tls=verify", "u", "p" },
	{ "smtp://u:p@h?tls=may", "smtp://u@h:25?tls=may", "u", "p" },
	{ "smtp://u:p:q@h", "smtp://u@h:25?tls=verify", "u", "p:q" },
	{ "smtp://u:p@q?/@h", "smtp://u@h:25?tls=verify", "u", "p@q?/" },
	{ "smtp://a%40b:%25%3a@h:587", "smtp://a%40b@h:587?tls=verify", "a@b",
	    "%:" },
	{ "smtp://a@b.c:p@h", "smtp://a%40b.c@h:25?tls=verify", "a@b.c", "p" },
	{ "smtp://u:p%C3%BC@h", "smtp://u@h:25?tls=verify", "u", "p\xc3\xbc" },
	{ "smtps://h", "smtps://h:465?tls=verify", "", "" },
	{ "smtps://u:p@h:4650", "smtps://u@h:4650?tls=verify", "u", "p" },
	{ "smtps://h?tls=must", "smtps://h:465?tls=must", "", "" },
	{ "smtp://[192.0.2.1]", "smtp://192.0.2.1:25?tls=may", "", "" },
	{ "smtp://192.0.2.1:26", "smtp://192.0.2.1:26?tls=may", "", "" },
	{ "smtp://[2001:DB8::0:1]:26", "smtp://[2001:db8::1]:26?tls=may", "",
	    "" },
	{ "smtp://[IPv6:2001:db8::1]", "smtp://[2001:db8::1]:25?tls=may", "",
	    "" },
	{ "lmtp:unix:/run/Lmtp", "lmtp:unix:/run/Lmtp", "", "" },
	{ "lmtp:h.example", "lmtp:h.example:24", "", "" },
	{ "lmtp:h:2003", "lmtp:h:2003", "", "" },
	{ "lmtp:[::1]:2003", "lmtp:[::1]:2003", "", "" },
};

static const struct {
	const char *url, *error; /* is in it */
} bad[] = {
	{ "", "mx, smtp" },
	{ "h.example", "mx, smtp" },
	{ "MX", "mx, smtp" },
	{ "mxa", "mx, smtp" },
	{ "http://h", "mx, smtp" },
	{ "smtp:h", "mx, smtp" },
	{ "mx:", "mx:port" },
	{ "mx:0", "mx:port" },
	{ "mx:65536", "mx:port" },
	{ "mx:2525x", "mx:port" },
	{ "mx:000025", "mx:port" },
	{ "smtp://", "host" },
	{ "smtp://:25", "host" },
	{ "smtp://h:", "host" },
	{ "smtp://h:0", "host" },
	{ "smtp://h:-1", "host" },
	{ "smtp://h:99999", "host" },
	{ "smtp://h h", "host" },
	{ "smtp://a..b", "host" },
	{ "smtp://-a", "host" },
	{ "smtp://2001:db8::1", "host" },
	{ "smtp://[192.0.2.1", "host" },
	{ "smtp://[192.0.2.256]", "host" },
	{ "smtp://[h]", "host" },
	{ "smtp://[]", "host" },
	{ "smtp://[192.0.2.1]x", "host" },
	{ "smtp://@h", "user:password@" },
	{ "smtp://:secret@h", "user:password@" },
	{ "smtp://u:secret%@h", "user:password@" },
	{ "smtp://u:secret%4@h", "user:password@" },
	{ "smtp://u:secret%zz@h", "user:password@" },
	{ "smtp://u:secret%00@h", "user:password@" },
	{ "smtp://u%0d%0aRSET:secret@h", "user:password@" },
	{ "smtp://u:secret@", "host" },
	{ "smtp://u:secret@a..b", "host" },
	{ "smtp://h/path", "?tls=" },
	{ "smtp://h?", "?tls=" },
	{ "smtp://h?tls", "?tls=" },
	{ "smtp://h?tls=", "?tls=" },
	{ "smtp://h?tls=yes", "?tls=" },
	{ "smtp://h?tls=may&x=y", "?tls=" },
	{ "smtp://u:secret@h?tls=x", "?tls=" },
	{ "smtps://h?tls=may", "smtps is TLS" },
	{ "smtps://h?tls=never", "smtps is TLS" },
	{ "lmtp:", "lmtp:" },
	{ "lmtp:unix:", "lmtp:" },
	{ "lmtp:unix:run/lmtp", "lmtp:" },
	{ "lmtp:unix", "lmtp:" },
	{ "lmtp:UNIX", "lmtp:" },
	{ "lmtp://h", "lmtp:" },
	{ "lmtp:h:x", "lmtp:" },
};

static void
test_tables(void)
{
	static struct hop h, again;
	static char text[HOP_TEXT], second[HOP_TEXT];
	char error[CONFIG_ERROR];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		bool read = hop_parse(&h, good[i].url, DOMAIN, error) == 0;
		ok(read && strcmp(hop_text(&h, text), good[i].text) == 0 &&
			strcmp(h.user, good[i].user) == 0 &&
			strcmp(h.password, good[i].password) == 0,
		    "%s", good[i].url);
		/* The text is a hop itself. */
		ok(h.mx || (hop_parse(&again, text, DOMAIN, error) == 0 &&
			       strcmp(hop_text(&again, second), text) == 0),
		    "and so is its text");
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		error[0] = '\0';
		bool failed = hop_parse(&h, bad[i].url, DOMAIN, error) == -1;
		ok(failed && strstr(error, bad[i].error) != NULL &&
			strstr(error, "secret") == NULL,
		    "bad: \"%s\"", bad[i].url);
	}
}

static const struct {
	const char *domain, *text; /* NULL: error */
	bool mx;
} domains[] = {
	{ "example.org", "mx example.org", true },
	{ "Example.ORG", "mx example.org", true },
	{ "[192.0.2.1]", "smtp://192.0.2.1:25?tls=may", false },
	{ "[IPv6:2001:db8::1]", "smtp://[2001:db8::1]:25?tls=may", false },
	{ "", NULL, false },
	{ "a..b", NULL, false },
	{ "example.org:26", NULL, false },
};

static void
test_domains(void)
{
	static struct hop h;
	static char text[HOP_TEXT];
	char error[CONFIG_ERROR];

	for (size_t i = 0; i < sizeof(domains) / sizeof(domains[0]); i++) {
		bool read = hop_parse(&h, "mx", domains[i].domain, error) == 0;
		ok(read == (domains[i].text != NULL) &&
			(!read || (h.mx == domains[i].mx &&
				      strcmp(hop_text(&h, text),
					  domains[i].text) == 0)),
		    "mx of \"%s\"", domains[i].domain);
	}
}

/* Each part at its limit, and one octet above. */
static void
test_lengths(void)
{
	static struct hop h;
	static char url[8192], text[HOP_TEXT];
	char error[CONFIG_ERROR];

	for (int over = 0; over < 2; over++) {
		snprintf(url, sizeof(url), "smtp://%0*d@h", HOP_USER + over, 0);
		ok((hop_parse(&h, url, "", error) == 0) == (over == 0),
		    "a user of %d octets", HOP_USER + over);
		snprintf(url, sizeof(url), "smtp://u:%0*d@h",
		    HOP_PASSWORD + over, 0);
		ok((hop_parse(&h, url, "", error) == 0) == (over == 0),
		    "a password of %d octets", HOP_PASSWORD + over);
		snprintf(url, sizeof(url), "lmtp:unix:/%0*d",
		    PATH_MAX - 2 + over, 0);
		ok((hop_parse(&h, url, "", error) == 0) == (over == 0),
		    "a path of %d octets", PATH_MAX - 1 + over);
	}
	strlcpy(url, "smtp://", sizeof(url));
	for (int i = 0; i < HOP_USER; i++) {
		strlcat(url, "%40", sizeof(url));
	}
	strlcat(url, "@h", sizeof(url));
	ok(hop_parse(&h, url, "", error) == 0 && strlen(h.user) == HOP_USER &&
		strstr(hop_text(&h, text), "@h:25?tls=verify") != NULL,
	    "a user of encoded octets has a whole text");
}

static void
test_rules(void)
{
	static const struct config_rule rules[] = { { .pattern = "other" },
		{ .pattern = "H.example", .value = "host" },
		{ .pattern = "me@x@h.example", .value = "user" },
		{ .pattern = "h.example", .value = "second" } };
	static const struct {
		const char *url, *value;
	} cases[] = {
		{ "smtp://h.example", "host" },
		{ "smtps://you@h.example:4650", "host" },
		{ "smtp://me%40x@h.example", "user" },
		{ "smtp://me@i.example", "" },
	};
	char error[CONFIG_ERROR];
	struct hop h;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool parsed = hop_parse(&h, cases[i].url, DOMAIN, error) == 0;
		const struct config_rule *r = hop_rule(&h, rules, 4);
		const char *value = r != NULL ? r->value : "";
		ok(parsed && strcmp(value, cases[i].value) == 0,
		    "the rule for %s", cases[i].url);
	}
}

int
main(void)
{
	test_tables();
	test_domains();
	test_lengths();
	test_rules();
	return tap_done();
}
