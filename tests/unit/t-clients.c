/* SPDX-License-Identifier: ISC */
/*
 * Who is trusted for an address, and what is hidden from it: a proxy must not
 * lend its own address to clients that it does not name, and cannot make
 * anybody one of this machine.
 */
#include "common/job/clients.h"

#include "tests/unit/tap.h"

#include <string.h>

enum how { SEEN, NAMED, UNNAMED, CHECKED };

static struct config config;

static void
trust(const char *network, const char *name)
{
	struct trusted *t = &config.trusts[config.ntrusts++];

	(void)network_parse(network, &t->network);
	strlcpy(t->text, network, sizeof(t->text));
	strlcpy(t->name, name, sizeof(t->name));
}

static void
hide(const char *line, const char *network)
{
	struct hidden *h = &config.hidden[config.nhidden++];

	h->extensions = config_extension(line);
	h->everybody = network == NULL;
	if (network != NULL) {
		(void)network_parse(network, &h->network);
	}
}

/* A client at that address; or which a proxy at that address speaks for. */
static struct peer
client(const char *address, enum how how)
{
	struct claim claim = { .kind = PROXY_CLIENT, .port = 1 };
	struct peer p;
	uint8_t ip[16];

	(void)network_address(how == NAMED ? "127.0.0.1" : address, ip);
	peer_set_ip(&p, ip, 1);
	if (how == NAMED) {
		(void)network_address(address, claim.address);
	} else {
		claim.kind = how == UNNAMED ? PROXY_UNKNOWN : PROXY_OWN;
	}
	if (how != SEEN) {
		claim_apply(&claim, &p);
	}
	return p;
}

static const struct {
	const char *address;
	enum how how;
	const char *account; /* NULL: a stranger */
} clients[] = {
	{ "192.168.1.7", SEEN, "printer" },
	{ "192.168.1.8", SEEN, "192.168.1.0/24" },
	{ "192.168.2.7", SEEN, NULL },
	{ "127.0.0.1", SEEN, "127.0.0.0/8" },
	{ "127.9.9.9", SEEN, "127.0.0.0/8" },
	{ "::1", SEEN, NULL },
	{ "2001:db8:7::1", SEEN, "2001:db8:7::/48" },
	{ "2001:db8:8::1", SEEN, NULL },
	{ "192.168.1.7", NAMED, "printer" },
	{ "198.51.100.7", NAMED, NULL },
	{ "127.0.0.1", NAMED, NULL },
	{ "192.168.1.8", UNNAMED, NULL },
	{ "127.0.0.1", UNNAMED, NULL },
	{ "192.168.1.8", CHECKED, NULL },
	{ "127.0.0.1", CHECKED, NULL },
};

static void
test_trust(void)
{
	static const char *const how[] = { "seen", "named by a proxy",
		"behind a proxy that does not say", "a proxy itself" };

	trust("192.168.1.7", "printer");
	trust("192.168.1.0/24", "");
	trust("127.0.0.0/8", "");
	trust("2001:db8:7::/48", "");
	for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
		struct peer p = client(clients[i].address, clients[i].how);
		const char *got = client_account(&config, &p);
		const char *wanted = clients[i].account;
		ok(wanted == NULL ? got == NULL
				  : got != NULL && strcmp(got, wanted) == 0,
		    "%s, %s: %s", clients[i].address, how[clients[i].how],
		    wanted == NULL ? "nobody" : wanted);
	}
	struct peer local = { .address = "local" };
	config.ntrusts = 0;
	trust("::/0", "");
	ok(client_trusted(&config, &local) == NULL,
	    "a client without an address is in no network");
}

static void
test_hidden(void)
{
	struct peer here = client("127.0.0.1", SEEN);
	struct peer there = client("192.0.2.1", SEEN);
	struct peer claimed = client("127.0.0.1", NAMED);

	hide("STARTTLS", "127.0.0.0/8");
	hide("CHUNKING", NULL);
	ok(!client_is_offered(&config, &here, "STARTTLS"), "hidden here");
	ok(client_is_offered(&config, &there, "STARTTLS"), "not elsewhere");
	ok(client_is_offered(&config, &claimed, "STARTTLS"),
	    "not from who says to be here");
	ok(!client_is_offered(&config, &there, "CHUNKING"),
	    "hidden from everybody");
	ok(!client_is_offered(&config, &there, "BINARYMIME"),
	    "and what needs it");
	ok(client_is_offered(&config, &there, "8BITMIME"), "nothing else");
	ok(client_is_offered(&config, &here, "X-OTHER"), "nor what is unknown");
	hide("SIZE 1", "192.0.2.0/24");
	ok(!client_is_offered(&config, &there, "SIZE 52428800"),
	    "whatever its parameter says");
}

int
main(void)
{
	test_trust();
	test_hidden();
	return tap_done();
}
