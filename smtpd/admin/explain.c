/* SPDX-License-Identifier: ISC */
/*
 * smtpd -bt and -bv: what would happen to mail for an address: aliases, route,
 * hosts, TLS, AUTH; in full, or only the verdict.
 */
#include "common/dns/dns.h"
#include "common/log/log.h"
#include "common/login/aliases_load.h"
#include "common/login/users.h"
#include "common/process/sandbox.h"
#include "smtpd/admin/admin.h"
#include "smtpd/local/words.h"
#include "smtpd/relay/connect.h"
#include "smtpd/relay/race.h"
#include "smtpd/relay/secret.h"
#include "smtpd/route/expand.h"
#include "smtpd/route/route.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sysexits.h>

struct explain {
	const struct config *config;
	const char *sender;
	FILE *out; /* NULL: only the result is wanted */
	struct expand expand;
	struct dns *dns; /* NULL until it is needed */
	int result;
	/* What the addresses lead to, those without trouble, the first other
	   one: */
	size_t targets, good;
	char trouble[ALIAS_TARGET];
};

static void print_line(const struct explain *, unsigned depth, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));

/* A line, indented; its text may come from the DNS. */
static void
print_line(const struct explain *x, unsigned depth, const char *fmt, ...)
{
	char text[ALIAS_TARGET * 4];
	va_list ap;

	if (x->out == NULL) {
		return;
	}
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (char *p = text; *p != '\0'; p++) {
		*p = (unsigned char)*p < ' ' || *p == 0x7f ? '?' : *p;
	}
	fprintf(x->out, "%*s%s\n", (int)depth * 2, "", text);
}

static void
print_step(void *context, unsigned depth, const char *text)
{
	print_line(context, depth + 1, "%s", text);
}

/* The first error is the exit status. */
static void
note_status(struct explain *x, int status)
{
	x->result = x->result == EX_OK ? status : x->result;
}

/* ---- mail that leaves ---- */

/* False if the host has no address, or none is known now. */
static bool
explain_addresses(struct explain *x, const char *host)
{
	struct dns_address found[DNS_ADDRESSES];
	char why[CONFIG_ERROR], text[INET6_ADDRSTRLEN];
	size_t n = 0;

	/* An address and localhost need no DNS. */
	if (race_literal(host, &found[0]) ||
	    strcasecmp(host, "localhost") == 0) {
		return true;
	}
	if (dns_addresses(x->dns, host, found, &n, why) != DNS_OK) {
		print_line(x, 4, "%s", why);
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		const struct sockaddr *sa =
		    (const struct sockaddr *)&found[i].address;
		if (getnameinfo(sa, found[i].len, text, sizeof(text), NULL, 0,
			NI_NUMERICHOST) == 0) {
			print_line(x, 4, "%s", text);
		}
	}
	return true;
}

/* As when mail is sent there, a host of hosts(5) needs no name server. */
static bool
is_in_hosts_file(const struct explain *x, const struct hop *hop)
{
	struct exchangers found = { .count = 0 };

	if (!connect_asks_hosts(x->config, hop) ||
	    connect_hosts_file("/etc/hosts", hop->host, &found) == -1 ||
	    found.count == 0) {
		return false;
	}
	print_line(x, 3, "host %s, in /etc/hosts", hop->host);
	for (size_t i = 0; i < found.count; i++) {
		print_line(x, 4, "%s", found.hosts[i].host);
	}
	return true;
}

static void
explain_hosts(struct explain *x, const struct hop *hop)
{
	struct exchangers hosts;
	char why[CONFIG_ERROR] = "";
	bool reachable = false;

	if (is_in_hosts_file(x, hop)) {
		return;
	}
	if (x->dns == NULL && (x->dns = dns_open(x->config)) == NULL) {
		print_line(x, 3, "no name server: %s", strerror(errno));
		note_status(x, EX_TEMPFAIL);
		return;
	}
	switch (connect_exchangers(x->dns, x->config, hop, &hosts, why)) {
	case FOUND_OK:
		break;
	case FOUND_TEMPORARY:
		print_line(x, 3, "mail would wait: %s", why);
		note_status(x, EX_TEMPFAIL);
		return;
	case FOUND_NO_DOMAIN:
	case FOUND_NULL_MX:
	case FOUND_OURSELVES:
		print_line(x, 3, "mail would be returned: %s", why);
		note_status(x, EX_NOHOST);
		return;
	}
	for (size_t i = 0; i < hosts.count; i++) {
		if (hop->mx) {
			print_line(x, 3, "host %s, preference %u",
			    hosts.hosts[i].host, hosts.hosts[i].preference);
		} else {
			print_line(x, 3, "host %s", hosts.hosts[i].host);
		}
		reachable =
		    explain_addresses(x, hosts.hosts[i].host) || reachable;
	}
	if (!reachable) {
		print_line(x, 3, "mail would wait: no host has an address");
		note_status(x, EX_TEMPFAIL);
	}
}

static void
explain_hop(struct explain *x, const char *what, const struct hop *hop)
{
	static const char *const tls[] = {
		[HOP_TLS_NEVER] = "no TLS",
		[HOP_TLS_MAY] = "TLS if offered, with any certificate",
		[HOP_TLS_POLICY] = "TLS as the domain asks for (DANE), else if "
				   "offered, with any certificate",
		[HOP_TLS_MUST] = "TLS only, with any certificate",
		[HOP_TLS_VERIFY] = "TLS only, with a certificate for the host",
		[HOP_TLS_DANE] = "TLS only, with a certificate that TLSA "
				 "records of the host name",
	};
	char text[HOP_TEXT];

	print_line(x, 2, "%s %s", what, hop_text(hop, text));
	if (hop->transport == TRANSPORT_SMTP) {
		print_line(x, 3, "%s%s", tls[hop->tls],
		    hop->wrapped ? ", from the first octet on" : "");
	}
	if (hop->user[0] != '\0') {
		print_line(x, 3, "login as %s, with the password %s", hop->user,
		    hop->hidden ? "of the hop" : "by the key relay-password");
		if (!secret_is_named(x->config, hop)) {
			print_line(x, 3,
			    "mail would wait: no password: set the key "
			    "relay-password");
			note_status(x, EX_CONFIG);
		}
	}
	const struct config_rule *own = hop_sender(hop, x->config);
	if (own != NULL) {
		print_line(x, 3, "sent as %s, by the key relay-from%s",
		    own->value, own->more ? ", in From, too" : "");
	}
	if (!hop->unix_socket) {
		explain_hosts(x, hop);
	}
}

static void
explain_route(struct explain *x, const struct address *a)
{
	struct route route;
	char text[ADDRESS_TEXT];

	address_text(a, text, sizeof(text));
	route_find(x->config, x->sender, a, &route);
	switch (route.kind) {
	case ROUTE_HOP:
		print_line(x, 1, "%s is sent on, by %s", text, route.why);
		explain_hop(x, "next hop", &route.hop);
		if (route.has_fallback) {
			/* It does not matter as long as the hop works. */
			int result = x->result;
			explain_hop(x, "if that fails,", &route.fallback);
			x->result = result;
		}
		return;
	case ROUTE_LOCAL:
		/* An alias leads to an address that does not exist here. */
		print_line(x, 1,
		    "%s does not exist here: mail would be returned", text);
		note_status(x, EX_NOUSER);
		return;
	case ROUTE_NONE:
		print_line(x, 1, "%s would wait: %s", text, route.why);
		note_status(x, EX_CONFIG);
		return;
	}
}

/* ---- mail that stays ---- */

/* The file is only readable to the owner of the mailbox. */
static bool
has_forward(
    const struct config *config, const struct account *a, char path[PATH_MAX])
{
	struct stat st;

	return a->uid != 0 && account_forward(config, a, path) == 0 &&
	       lstat(path, &st) == 0;
}

static void
explain_user(struct explain *x, const struct recipient *r)
{
	struct account account;
	char path[PATH_MAX], forward[PATH_MAX];

	if (account_find(x->config, x->expand.names, r->text, &account) !=
		STATUS_OK ||
	    account_mailbox(x->config, &account, path) == -1) {
		print_line(x, 1, "%s would wait: no mailbox is found", r->text);
		note_status(x, EX_TEMPFAIL);
	} else if (r->owner[0] == '\0' &&
		   has_forward(x->config, &account, forward)) {
		print_line(x, 1,
		    "%s has a file %s, which says where the mail goes", r->text,
		    forward);
	} else {
		print_line(
		    x, 1, "%s is delivered to the mailbox %s", r->text, path);
	}
}

static bool
is_missing(int error)
{
	return error == ENOENT || error == ENOTDIR;
}

/* The program of a command must be there; who runs it may see more. */
static void
explain_program(struct explain *x, const char *command)
{
	char text[ALIAS_TARGET + 1], *words[WORDS_MOST + 1];
	struct stat st;

	if (strlcpy(text, command, sizeof(text)) >= sizeof(text) ||
	    !words_split(text, words)) {
		print_line(x, 2, "mail would wait: a quote is open");
	} else if (words[0][0] != '/') {
		print_line(x, 2,
		    "mail would wait: write %s with its whole path", words[0]);
	} else if (stat(words[0], &st) == -1 && is_missing(errno)) {
		print_line(x, 2, "mail would wait: there is no %s", words[0]);
	} else if (stat(words[0], &st) == 0 &&
		   (!S_ISREG(st.st_mode) || (st.st_mode & 0111) == 0)) {
		print_line(x, 2, "mail would wait: %s is no program", words[0]);
	} else {
		return;
	}
	note_status(x, EX_CONFIG);
}

/* A file must be one, or have a folder in which it can be created. */
static void
explain_file(struct explain *x, const char *path)
{
	char folder[PATH_MAX];
	struct stat st;

	if (lstat(path, &st) == 0) {
		if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode)) {
			print_line(x, 2, "mail would wait: it is no file");
			note_status(x, EX_CONFIG);
		}
		return;
	}
	bool missing = is_missing(errno);
	strlcpy(folder, path, sizeof(folder));
	char *slash = strrchr(folder, '/');
	slash[slash == folder] = '\0';
	missing = missing && (stat(folder, &st) == -1 ? is_missing(errno)
						      : !S_ISDIR(st.st_mode));
	if (missing) {
		print_line(
		    x, 2, "mail would wait: there is no folder %s", folder);
		note_status(x, EX_CONFIG);
	}
}

/* A user's mail, if another server keeps it. */
static bool
explain_handed_on(struct explain *x, const char *user)
{
	struct route route;

	route_user(x->config, &route);
	switch (route.kind) {
	case ROUTE_LOCAL:
		return false;
	case ROUTE_HOP:
		print_line(x, 1, "%s is handed on, by %s", user, route.why);
		explain_hop(x, "next hop", &route.hop);
		return true;
	case ROUTE_NONE:
		print_line(x, 1, "%s would wait: %s", user, route.why);
		note_status(x, EX_CONFIG);
		return true;
	}
	return false;
}

static void
explain_recipient(struct explain *x, const struct recipient *r)
{
	const char *owner = r->owner[0] != '\0' ? r->owner : "ourselves";
	struct address a;
	const char *rest;

	switch (r->target) {
	case TARGET_USER:
		if (!explain_handed_on(x, r->text)) {
			explain_user(x, r);
		}
		return;
	case TARGET_FILE:
		print_line(x, 1, "%s is appended to, as %s", r->text, owner);
		explain_file(x, r->text);
		return;
	case TARGET_PIPE:
		print_line(x, 1, "%s is run, as %s", r->text, owner);
		explain_program(x, r->text);
		return;
	case TARGET_ADDRESS:
		if (address_path_utf8(r->text, &a, &rest) == PATH_OK) {
			explain_route(x, &a);
		}
		return;
	}
}

/* Counts a target, too. */
static void
explain_target(struct explain *x, const struct recipient *r)
{
	int before = x->result;

	x->result = EX_OK;
	explain_recipient(x, r);
	x->targets++;
	if (x->result == EX_OK) {
		x->good++;
	} else if (x->trouble[0] == '\0') {
		strlcpy(x->trouble, r->text, sizeof(x->trouble));
	}
	x->result = before == EX_OK ? x->result : before;
}

static void
explain_address(struct explain *x, const char *text)
{
	const struct recipient r = {
		.text = text, .given = "", .owner = "", .orcpt = ""
	};
	struct address a;
	struct mail mail;
	const char *rest;

	print_line(x, 0, "%s", text);
	if (address_path_utf8(text, &a, &rest) != PATH_OK || *rest != '\0' ||
	    address_is_null(&a)) {
		print_line(x, 1, "not an address");
		note_status(x, EX_USAGE);
		return;
	}
	if (a.domain[0] != '\0') {
		print_line(x, 1, "%s is %s", a.domain,
		    !config_is_ours(x->config, a.domain) ? "elsewhere"
		    : config_is_virtual(x->config, a.domain)
			? "ours, with aliases only"
			: "ours");
	}
	mail_init(&mail);
	switch (expand_recipient(&x->expand, &r, &mail)) {
	case EXPANDED_OK:
		break;
	case EXPANDED_NONE:
	case EXPANDED_HELD:
		note_status(x, EX_NOUSER);
		break;
	case EXPANDED_TEMPORARY:
	case EXPANDED_BROKEN:
		print_line(x, 1, "mail would wait: see the log");
		note_status(x, EX_TEMPFAIL);
		break;
	}
	for (size_t i = 0; i < mail.count; i++) {
		explain_target(x, &mail.recipients[i]);
	}
	mail_free(&mail);
}

/* ---- the whole ---- */

/* To out, or only into *x. */
static int
route_explain(struct explain *x, const struct config *config,
    const char *sender, char **addresses, FILE *out)
{
	char error[CONFIG_ERROR];
	struct names *names = names_load(config, error);
	struct aliases *aliases =
	    names == NULL ? NULL : aliases_load(config, error);

	if (aliases == NULL) {
		log_error("%s", error);
		names_free(names);
		return EX_CONFIG;
	}
	*x = (struct explain){ .config = config,
		.sender = sender != NULL ? sender : "",
		.out = out,
		.expand = { .config = config,
		    .names = names,
		    .aliases = aliases,
		    .trace = out != NULL ? print_step : NULL,
		    .context = x },
		.result = EX_OK };
	for (; *addresses != NULL; addresses++) {
		explain_address(x, *addresses);
	}
	if (x->dns != NULL) {
		dns_close(x->dns);
	}
	aliases_free(aliases);
	names_free(names);
	return x->result;
}

/* What name servers answer is read; nothing is ever written. */
static void
confine(void)
{
	/* Where that fails, it is explained nevertheless. */
	(void)!sandbox_task(SANDBOX_ASKER, NULL);
}

int
admin_explain(const struct config *config, const char *sender, char **addresses)
{
	struct explain x;

	if (*addresses == NULL) {
		log_error("-bt needs an address");
		return EX_USAGE;
	}
	confine();
	return route_explain(&x, config, sender, addresses, stdout);
}

static const char *
verdict(int status)
{
	switch (status) {
	case EX_OK:
		return "deliverable";
	case EX_NOUSER:
		return "no such user here";
	case EX_NOHOST:
		return "the domain takes no mail";
	case EX_TEMPFAIL:
		return "not known now: mail would wait";
	case EX_CONFIG:
		return "mail would wait until the configuration is corrected";
	default:
		return "not an address";
	}
}

/* The line for an address; of one with several targets it says which. */
static void
print_verdict(const struct explain *x, const char *address, int status)
{
	if (x->targets < 2 || status == EX_OK) {
		printf("%s: %s\n", address, verdict(status));
	} else {
		printf("%s: %s: %s (%zu of %zu targets are deliverable)\n",
		    address, verdict(status), x->trouble, x->good, x->targets);
	}
}

int
admin_verify(const struct config *config, const char *sender, char **addresses)
{
	struct explain x = { .result = EX_OK };
	int result = EX_OK;

	if (*addresses == NULL) {
		log_error("-bv needs an address");
		return EX_USAGE;
	}
	confine();
	for (; *addresses != NULL; addresses++) {
		char *one[] = { *addresses, NULL };
		int status = route_explain(&x, config, sender, one, NULL);
		print_verdict(&x, *addresses, status);
		result = result == EX_OK ? status : result;
	}
	return result;
}
