/* SPDX-License-Identifier: ISC */
/* pop3d --check: tests what POP3 needs, and says what to type next. */
#include "pop3d/admin/admin.h"
#include "spool/check/check.h"

int
admin_check(const struct config *config, bool json)
{
	static const unsigned ports[] = { 110, 995, 106 };
	struct check c = { .config = config, .program = "pop3d", .json = json };

	check_configuration(&c);
	check_rights(&c);
	check_state(&c);
	check_remote(&c);
	check_mailboxes(&c);
	check_users(&c);
	check_limits(&c);
	check_clients(&c);
	check_logins(&c);
	check_tls(&c);
	check_ports(&c, ports, sizeof(ports) / sizeof(ports[0]));
	check_passwd_port(&c);
	return check_end(&c);
}
