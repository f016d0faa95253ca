/* SPDX-License-Identifier: ISC */
/* The pure parts of smtpd --setup: lines of restante.conf, and the plan. */
#include "smtpd/admin/setup_private.h"
#include "tests/unit/tap.h"

#include <stdlib.h>
#include <string.h>

static void
test_set(void)
{
	static const struct {
		const char *before, *key, *value, *after, *what;
	} cases[] = {
		{ "", "hostname", "a.b", "hostname        a.b\n", "empty" },
		{ "x 1", "hostname", "a.b", "x 1\nhostname        a.b\n",
		    "no line end" },
		{ "#hostname c.d\nx 1\n", "hostname", "a.b",
		    "#hostname c.d\nhostname        a.b\nx 1\n", "a comment" },
		{ "x 1\nhostname c.d # mine\ny 2\n", "hostname", "a.b",
		    "x 1\nhostname        a.b\ny 2\n", "in place" },
		{ "hostnames c.d\n", "hostname", "a.b",
		    "hostnames c.d\nhostname        a.b\n", "a longer key" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = setup_set(
		    cases[i].before, cases[i].key, NULL, cases[i].value);
		if (!ok(text != NULL && strcmp(text, cases[i].after) == 0,
			"a key is set: %s", cases[i].what)) {
			note("got %s", text == NULL ? "nothing" : text);
		}
		free(text);
	}
}

/* Keys that may be given several times. */
static void
test_rule(void)
{
	static const struct {
		const char *before, *after, *what;
	} cases[] = {
		{ "k a 1\nk b 2\nx 1\n", "k a 1\nk               b 3\nx 1\n",
		    "in place" },
		{ "k a 1\nk bb 2\nx 1\n",
		    "k a 1\nk bb 2\nk               b 3\nx 1\n",
		    "after its like" },
		{ "#k x y\nx 1\n", "#k x y\nk               b 3\nx 1\n",
		    "after the comment" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = setup_set(cases[i].before, "k", "b", "b 3");
		if (!ok(text != NULL && strcmp(text, cases[i].after) == 0,
			"a line of a key is set: %s", cases[i].what)) {
			note("got %s", text == NULL ? "nothing" : text);
		}
		free(text);
	}
}

static void
test_provider(void)
{
	struct setup_answers a;
	char url[CONFIG_VALUE];

	ok(setup_provider("example.org") == NULL, "nobody's domain");
	const struct setup_provider *p = setup_provider("Gmail.com");
	if (!ok(p != NULL && setup_address("a.b+c=d@gmail.com", &a),
		"a provider's domain")) {
		return;
	}
	setup_provider_url(p, &a, url);
	ok(strcmp(url, "smtps://a.b%2Bc%3Dd%40gmail.com@smtp.gmail.com") == 0,
	    "its URL: %s", url);
}

static void
test_value(void)
{
	size_t n = 0;
	const char *v = setup_value("#k 1\n k  two words # x\n", "k", &n);

	ok(v != NULL && n == 9 && strncmp(v, "two words", n) == 0,
	    "a value ends before its comment");
	ok(setup_value("#k 1\n", "k", &n) == NULL, "a comment has no value");
}

static void
test_address(void)
{
	static const char *const bad[] = { "", "a", "@b.c", "a@", "a@b",
		"a b@c.d", "a:b@c.d", "-a@c.d", "a@c..d", "a\n@c.d" };
	struct setup_answers a;

	ok(setup_address("a.b+c@d.e", &a) && strcmp(a.user, "a.b+c") == 0 &&
		strcmp(a.domain, "d.e") == 0,
	    "an address");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ok(!setup_address(bad[i], &a), "no address: case %zu", i);
	}
	ok(setup_has_alias("Root : x\n", "root") &&
		!setup_has_alias("rooted: x\n#root: x\n", "root"),
	    "a line for root");
	size_t n = 0;
	const char *to =
	    setup_alias("a: b\nROOT\t:  x, y\r\nc: d\n", "root", &n);
	ok(to != NULL && n == 4 && strncmp(to, "x, y", n) == 0 &&
		setup_alias("roo", "root", &n) == NULL,
	    "what it says");
}

/* Has the plan an item of that kind and name? */
static const struct setup_item *
find(const struct setup_plan *p, enum setup_kind kind, const char *name)
{
	for (size_t i = 0; i < p->count; i++) {
		if (p->items[i].kind == kind &&
		    strstr(p->items[i].name, name) != NULL) {
			return &p->items[i];
		}
	}
	return NULL;
}

static void
test_plan(void)
{
	char empty[] = "", conf[] = "hostname m.d.e\ndomains d.e\n",
	     users[] = "bob:x";
	const struct setup_place place = { .system = true,
		.root = true,
		.folder = "/etc/restante",
		.conf = "/etc/restante/restante.conf",
		.aliases = "/etc/aliases" };
	struct setup_facts f = {
		.conf = empty, .users = users, .aliases = empty, .systemd = true
	};
	struct setup_answers a = { .user = "alice",
		.domain = "d.e",
		.hostname = "m.d.e",
		.credentials = "y",
		.relay = "smtps://u@h.example:465",
		.relay_password = "secret",
		.open = true };
	struct setup_plan p;

	setup_plan(&place, &f, &a, &p);
	const struct setup_item *item = find(&p, SETUP_FILE, "/users");
	ok(item != NULL && strcmp(item->text, "bob:x\nalice:y\n") == 0 &&
		item->mode == 0600,
	    "a user joins the others");
	item = find(&p, SETUP_FILE, "restante.conf");
	ok(item != NULL &&
		strstr(item->text, "relay-password  h.example "
				   "file:/etc/restante/relay-password") != NULL,
	    "the password's file is named, without the port");
	ok(item != NULL &&
		strstr(item->note, "\n        relay-password h.example "
				   "file:/etc/restante/relay-password") != NULL,
	    "each line that is new is told, on a line");
	bool secret = false;
	for (size_t i = 0; i < p.count; i++) {
		secret = secret || strstr(p.items[i].note, "secret") != NULL;
	}
	ok(!secret, "no note has the password");
	ok(find(&p, SETUP_UNITS, "restante-smtp.socket") != NULL &&
		find(&p, SETUP_USER, "_restante-mail") != NULL &&
		find(&p, SETUP_ALIASES, "/etc/aliases") != NULL,
	    "users, aliases, units");
	setup_plan_free(&p);

	f = (struct setup_facts){ .conf = conf,
		.users = users,
		.aliases = conf,
		.has_certificate = true,
		.has_user = true,
		.has_sessions_user = true,
		.has_mail_user = true };
	a.relay[0] = a.relay_password[0] = a.credentials[0] = '\0';
	strlcpy(a.user, "root", sizeof(a.user));
	setup_plan(&place, &f, &a, &p);
	ok(find(&p, SETUP_FILE, "") == NULL && find(&p, SETUP_USER, "") == NULL,
	    "nothing is left to do");
	setup_plan_free(&p);
}

int
main(void)
{
	test_set();
	test_rule();
	test_provider();
	test_value();
	test_address();
	test_plan();
	return tap_done();
}
