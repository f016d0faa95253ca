/* SPDX-License-Identifier: ISC */
/*
 * What the resolver says is believed if it answers a question of this batch
 * that has no answer yet; else there is none, or the connection has ended.
 */
#include "common/dns/resolver.h"

#include "tests/unit/t-dns.h"
#include "tests/unit/tap.h"

#include <sys/socket.h>
#include <sys/un.h>

enum { SERIAL = 7, COUNT = 2 };

static struct dns_lookup lookups[COUNT];

static void
begin(struct resolver_progress *p)
{
	*p = (struct resolver_progress){ .serial = SERIAL, .count = COUNT };
	for (size_t i = 0; i < COUNT; i++) {
		lookups[i].len = 0;
		lookups[i].type = ns_t_txt;
		strlcpy(lookups[i].name, i == 0 ? "a.test" : "b.test",
		    sizeof(lookups[i].name));
	}
}

/* A head, and an answer of the name server; name NULL: none. */
static void
make(struct bytes *b, uint32_t serial, uint32_t number, const char *name)
{
	struct resolver_head head = { .serial = serial, .number = number };
	static struct bytes dns;

	b->len = 0;
	bytes_add(b, &head, sizeof(head));
	if (name != NULL) {
		put_start(&dns, name, ns_t_txt, ns_r_noerror, 0);
		bytes_add(b, dns.data, dns.len);
	}
}

static enum resolver_word
take(struct resolver_progress *p, const struct bytes *b)
{
	return resolver_take(
	    p, lookups, (const unsigned char *)b->data, b->len);
}

static const struct {
	const char *what;
	uint32_t serial, number;
	const char *name;
	enum resolver_word word;
	bool answered;
} rows[] = {
	{ "an answer", SERIAL, 1, "b.test", RESOLVER_TAKEN, true },
	{ "one in other letters", SERIAL, 0, "A.tESt", RESOLVER_TAKEN, true },
	{ "that there is none", SERIAL, 1, NULL, RESOLVER_TAKEN, false },
	{ "the answer to another", SERIAL, 1, "a.test", RESOLVER_TAKEN, false },
	{ "one of before", SERIAL - 1, 0, "a.test", RESOLVER_OLD, false },
	{ "one of long before", 0, 1, "b.test", RESOLVER_OLD, false },
	{ "one of later", SERIAL + 1, 0, "a.test", RESOLVER_BREACH, false },
	{ "one to no question", SERIAL, COUNT, "a.test", RESOLVER_BREACH,
	    false },
	{ "one far beyond", SERIAL, UINT32_MAX, "a.test", RESOLVER_BREACH,
	    false },
};

static void
test_words(struct bytes *b)
{
	struct resolver_progress p;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(&p);
		make(b, rows[i].serial, rows[i].number, rows[i].name);
		enum resolver_word word = take(&p, b);
		size_t len =
		    rows[i].number < COUNT ? lookups[rows[i].number].len : 0;
		ok(word == rows[i].word && (len > 0) == rows[i].answered &&
			p.answered == (word == RESOLVER_TAKEN),
		    "%s", rows[i].what);
	}
	begin(&p);
	make(b, SERIAL, 0, "a.test");
	ok(take(&p, b) == RESOLVER_TAKEN && take(&p, b) == RESOLVER_BREACH &&
		p.answered == 1,
	    "no question is answered twice");
	make(b, SERIAL, 1, "b.test");
	ok(take(&p, b) == RESOLVER_TAKEN && p.answered == COUNT,
	    "the other one is still");
}

/* Every length, and answers that no server stands to. */
static void
test_answers(struct bytes *b)
{
	struct resolver_progress p;
	bool shorter = true;

	make(b, SERIAL, 0, "a.test");
	const size_t whole = b->len, head = sizeof(struct resolver_head);
	for (b->len = 0; b->len < whole; b->len++) {
		begin(&p);
		shorter = shorter &&
		          take(&p, b) == (b->len < head ? RESOLVER_BREACH
							: RESOLVER_TAKEN) &&
		          lookups[0].len == 0;
	}
	ok(shorter, "an answer that is cut is none");
	static const struct {
		const char *what;
		size_t at;
		unsigned bits;
		bool kept;
	} bits[] = {
		{ "the AD bit", 3, 0x20, true },
		{ "NXDOMAIN", 3, ns_r_nxdomain, true },
		{ "SERVFAIL", 3, ns_r_servfail, false },
		{ "REFUSED", 3, ns_r_refused, false },
		{ "TC", 2, 0x02, false },
		{ "a question", 2, 0x80, false },
	};
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		begin(&p);
		make(b, SERIAL, 0, "a.test");
		b->data[head + bits[i].at] ^= (char)bits[i].bits;
		ok(take(&p, b) == RESOLVER_TAKEN &&
			(lookups[0].len > 0) == bits[i].kept &&
			(!bits[i].kept ||
			    memcmp(lookups[0].answer, b->data + head,
				lookups[0].len) == 0),
		    "%s: %s", bits[i].what,
		    bits[i].kept ? "kept, as it is" : "no answer");
	}
}

static void
test_longest(void)
{
	static unsigned char message[RESOLVER_MESSAGE + 1];
	struct resolver_head head = { .serial = SERIAL, .number = 0 };
	struct resolver_progress p;
	struct bytes dns = { .len = 0 };

	put_start(&dns, "a.test", ns_t_txt, ns_r_noerror, 0);
	memcpy(message, &head, sizeof(head));
	memcpy(message + sizeof(head), dns.data, dns.len);
	begin(&p);
	ok(resolver_take(&p, lookups, message, sizeof(message) - 1) ==
		    RESOLVER_TAKEN &&
		lookups[0].len == DNS_LOOKUP_ROOM,
	    "the longest answer");
	begin(&p);
	ok(resolver_take(&p, lookups, message, sizeof(message)) ==
		    RESOLVER_BREACH &&
		lookups[0].len == 0,
	    "one that is longer");
	free(dns.data);
}

static void
test_batches(void)
{
	static struct resolver_batch b;
	static struct resolver_greeting g = { .version = RESOLVER_VERSION };

	b.count = DNS_LOOKUP_MOST;
	b.patience = RESOLVER_LONGEST;
	for (size_t i = 0; i < DNS_LOOKUP_MOST; i++) {
		b.questions[i].type = ns_t_a;
	}
	ok(resolver_batch_valid(&b, sizeof(b)), "a batch");
	ok(!resolver_batch_valid(&b, sizeof(b) - 1) &&
		!resolver_batch_valid(&b, sizeof(b) + 1),
	    "of another size");
	memset(b.questions[DNS_LOOKUP_MOST - 1].name, 'x', DNS_NAME);
	ok(!resolver_batch_valid(&b, sizeof(b)), "a name without an end");
	b.count--;
	ok(resolver_batch_valid(&b, sizeof(b)), "that does not count");
	b.questions[3].type = ns_t_opt;
	ok(!resolver_batch_valid(&b, sizeof(b)), "OPT is no type to ask for");
	ok(resolver_greeting_valid(&g, sizeof(g)) &&
		!resolver_greeting_valid(&g, sizeof(g) - 1),
	    "a greeting");
	memset(g.server, '1', sizeof(g.server));
	ok(!resolver_greeting_valid(&g, sizeof(g)), "a server without an end");
}

static void
ask_at(const char *path, bool sockets, const char *what)
{
	static struct config config = { .resolver = "127.0.0.1:53" };

	strlcpy(config.resolver_socket, path, sizeof(config.resolver_socket));
	struct dns *d = dns_open_worker(&config);
	ok(dns_needs_sockets(d) == sockets, "%s", what);
	dns_close(d);
}

/* Where there is no resolver for us, name servers are asked from here. */
static void
test_nobody(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	char path[PATH_MAX], deep[PATH_MAX];

	ask_at(scratch_path(path, "none"), true, "no socket");
	scratch_write(scratch_path(path, "file"), "x", 1);
	ask_at(path, true, "a file");
	snprintf(deep, sizeof(deep), "%s/%0*d", scratch_dir, 200, 0);
	ask_at(deep, true, "a path that no socket can have");
	scratch_path(deep, "file/resolver");
	ask_at(deep, true, "a folder that is none");
	strlcpy(un.sun_path, scratch_path(path, "socket"), sizeof(un.sun_path));
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	scratch_need(
	    bind(fd, (const struct sockaddr *)&un, sizeof(un)) == 0, "bind");
	ask_at(path, true, "a socket at which nobody listens");
	scratch_need(listen(fd, 4) == 0, "listen");
	ask_at(path, false, "the resolver");
	close(fd);
	unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	scratch_need(bind(fd, (const struct sockaddr *)&un, sizeof(un)) == 0 &&
			 listen(fd, 4) == 0,
	    "bind");
	ask_at(path, false, "another kind of socket: nobody is asked");
	close(fd);
}

int
main(void)
{
	static struct bytes b;

	scratch_make();
	test_words(&b);
	test_answers(&b);
	test_longest();
	test_batches();
	test_nobody();
	return tap_done();
}
