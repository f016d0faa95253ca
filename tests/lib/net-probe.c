/* SPDX-License-Identifier: ISC */
/*
 * Asks and connects as a relay does, for tests that bring their own servers:
 *   net-probe mx RESOLVER DOMAIN
 *   net-probe addresses RESOLVER HOST
 *   net-probe exchangers RESOLVER HOSTNAME DOMAIN
 *   net-probe tls ADDRESS PORT NAME [TRUST]     TRUST: verify
 */
#include "common/io/deadline.h"
#include "common/tls/tls_client.h"
#include "smtpd/relay/connect.h"
#include "tests/unit/t-scratch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>

static struct config config;
static char why[CONFIG_ERROR];

static const char *const answers[] = { "ok", "none", "no data", "temporary" };
static const char *const founds[] = { "ok", "temporary", "no domain", "null",
	"ourselves" };

static int
report(const char *answer)
{
	printf("%s: %s\n", answer, why);
	return 0;
}

static int
probe_mx(char **argv)
{
	struct dns_mx hosts[DNS_HOSTS];
	size_t count;

	strlcpy(config.resolver, argv[0], sizeof(config.resolver));
	struct dns *dns = dns_open(&config);
	scratch_need(dns != NULL, "dns_open");
	enum dns_status status = dns_mx(dns, argv[1], hosts, &count, why);
	report(answers[status]);
	for (size_t i = 0; i < count; i++) {
		printf("%u %s\n", hosts[i].preference, hosts[i].host);
	}
	dns_close(dns);
	return 0;
}

static int
probe_addresses(char **argv)
{
	struct dns_address addresses[DNS_ADDRESSES];
	size_t count;
	char text[INET6_ADDRSTRLEN];

	strlcpy(config.resolver, argv[0], sizeof(config.resolver));
	struct dns *dns = dns_open(&config);
	scratch_need(dns != NULL, "dns_open");
	enum dns_status status =
	    dns_addresses(dns, argv[1], addresses, &count, why);
	report(answers[status]);
	for (size_t i = 0; i < count; i++) {
		const struct sockaddr_storage *ss = &addresses[i].address;
		const void *a =
		    ss->ss_family == AF_INET
			? (const void *)&((const struct sockaddr_in *)ss)
			      ->sin_addr
			: (const void *)&((const struct sockaddr_in6 *)ss)
			      ->sin6_addr;
		printf("%s\n", inet_ntop(ss->ss_family, a, text, sizeof(text)));
	}
	dns_close(dns);
	return 0;
}

static int
probe_exchangers(char **argv)
{
	static struct hop hop = { .mx = true, .port = 25 };
	struct exchangers x;

	strlcpy(config.resolver, argv[0], sizeof(config.resolver));
	strlcpy(config.hostname, argv[1], sizeof(config.hostname));
	strlcpy(hop.host, argv[2], sizeof(hop.host));
	struct dns *dns = dns_open(&config);
	scratch_need(dns != NULL, "dns_open");
	enum found found = connect_exchangers(dns, &config, &hop, &x, why);
	report(founds[found]);
	for (size_t i = 0; found == FOUND_OK && i < x.count; i++) {
		printf("%u %s\n", x.hosts[i].preference, x.hosts[i].host);
	}
	dns_close(dns);
	return 0;
}

/* Says a line and reads one. */
static void
talk(struct tls_session *tls, int fd)
{
	char text[256];
	ssize_t n;

	scratch_need(tls_send(tls, "hello\n", 6) == 6, "tls_send");
	do {
		n = tls_receive(tls, text, sizeof(text) - 1);
	} while (n == -1 && errno == EAGAIN &&
		 deadline_wait(fd, POLLIN, deadline_now() + 30000, false) == 0);
	scratch_need(n > 0, "tls_receive");
	text[n] = '\0';
	printf("%s", text);
}

static int
probe_tls(char **argv, bool verify)
{
	const struct tls_want want = {
		.proof = verify ? TLS_PROOF_TRUST : TLS_PROOF_NONE,
	};
	enum tls_fault fault;
	struct connected c;
	char text[128];

	if (verify) {
		strlcpy(config.tls_trust, argv[3], sizeof(config.tls_trust));
	}
	struct tls_client *client = tls_client_open(&config, verify, why);
	if (client == NULL) {
		return report("no client");
	}
	const struct rlimit none = { .rlim_cur = 4, .rlim_max = 4 };
	scratch_need(
	    connect_host(NULL, argv[0], (unsigned)strtoul(argv[1], NULL, 10),
		FAMILY_ANY, NULL, &c, why) == 0 &&
		setrlimit(RLIMIT_NOFILE, &none) == 0,
	    why);
	struct tls_session *tls = tls_connect(
	    client, c.fd, argv[2], &want, deadline_now() + 2000, &fault, why);
	if (tls == NULL) {
		report("failed");
	} else {
		printf("ok: %s\n", tls_describe(tls, text, sizeof(text)));
		talk(tls, c.fd);
		tls_close(tls);
	}
	close(c.fd);
	tls_client_close(client);
	return 0;
}

int
main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (strcmp(what, "mx") == 0 && argc == 4) {
		return probe_mx(argv + 2);
	}
	if (strcmp(what, "addresses") == 0 && argc == 4) {
		return probe_addresses(argv + 2);
	}
	if (strcmp(what, "exchangers") == 0 && argc == 5) {
		return probe_exchangers(argv + 2);
	}
	if (strcmp(what, "tls") == 0 && (argc == 5 || argc == 6)) {
		return probe_tls(argv + 2, argc == 6);
	}
	fprintf(stderr, "net-probe: see its source\n");
	return 2;
}
