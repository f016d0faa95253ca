/* SPDX-License-Identifier: ISC */
/* smtpd --check: tests the set-up, and says what to type next. */
#include "smtpd/admin/check_private.h"

#include "smtpd/admin/admin.h"
#include "smtpd/queue/runner.h"

#include <string.h>
#include <unistd.h>

static void
check_names(struct check *c)
{
	const struct config *config = c->config;

	check_configuration(c);
	if (strchr(config->hostname, '.') == NULL) {
		check_finding(c, FINDING_WARNING,
		    "the host name %s has no domain, and other servers may "
		    "refuse it: put the full name into /etc/mailname, or set "
		    "the key hostname",
		    config->hostname);
	} else {
		check_finding(c, FINDING_OK, "host name %s", config->hostname);
	}
	for (size_t i = 0; i < config->ndomains; i++) {
		check_finding(
		    c, FINDING_OK, "mail for %s is ours", config->domains[i]);
	}
	for (size_t i = 0; i < config->nvirtual_domains; i++) {
		check_finding(c, FINDING_OK,
		    "mail for %s is ours, for addresses with an alias",
		    config->virtual_domains[i]);
	}
}

/* Who makes the runs of the queue, where systemd could. */
static void
check_runs(struct check *c)
{
	if (geteuid() != 0) {
		return;
	}
	if (runner_has_unit(c->config)) {
		check_finding(c, FINDING_OK,
		    "queue runs are made by restante-queue.service");
	} else if (access("/run/systemd/system", F_OK) == 0) {
		check_finding(c, FINDING_OK,
		    "queue runs are made by the servers, with the "
		    "restrictions of their units, which have no network; for "
		    "a unit of its own type: "
		    "systemctl enable --now restante-queue.socket");
	}
}

/* Says if a letter comes each week, where systemd would start it. */
static void
check_letter(struct check *c)
{
	const char *to = c->config->letter;

	if (to[0] == '\0') {
		check_finding(c, FINDING_OK, "letter off: none on Mondays");
	} else if (access("/run/systemd/system", F_OK) == -1) {
		return;
	} else if (access(ADMIN_LETTER_TIMER, F_OK) == 0) {
		check_finding(
		    c, FINDING_OK, "a letter goes to %s on Mondays", to);
	} else {
		check_finding(c, FINDING_OK,
		    "no letter goes to %s on Mondays; for one type: systemctl "
		    "enable --now restante-letter.timer",
		    to);
	}
}

int
admin_check(const struct config *config, bool json)
{
	static const unsigned ports[] = { 25, 465, 587, 110, 995 };
	struct check c = { .config = config, .program = "smtpd", .json = json };

	check_names(&c);
	check_rights(&c);
	check_runs(&c);
	check_letter(&c);
	check_state(&c);
	check_remote(&c);
	check_believed(&c, "the aliases", config->aliases);
	check_queue(&c);
	check_mailboxes(&c);
	check_users(&c);
	check_limits(&c);
	check_aliases(&c);
	check_routes(&c);
	check_policy(&c);
	check_filters(&c);
	check_clients(&c);
	check_trust(&c);
	check_senders(&c);
	check_signing(&c);
	check_logins(&c);
	check_tls(&c);
	check_dns(&c);
	check_ports(&c, ports, sizeof(ports) / sizeof(ports[0]));
	return check_end(&c);
}
