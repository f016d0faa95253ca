/* SPDX-License-Identifier: ISC */
/* smtpd --penalties and --forgive: prints and changes the table. */
#include "common/log/log.h"
#include "common/server/penalty.h"
#include "smtpd/admin/admin.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static int
cannot_open(const struct penalties *p)
{
	log_error("cannot open %s: %s%s", p->path, strerror(errno),
	    errno == EACCES ? "; run it as the user that the servers run as"
			    : "");
	return errno == EACCES ? EX_NOPERM : EX_OSERR;
}

static const char *
effect(unsigned points)
{
	return points >= PENALTY_REFUSED ? "refused"
	       : points >= PENALTY_SLOW  ? "slowed"
	                                 : "served";
}

/* 192.0.2.1, or 2001:db8::/56. */
static const char *
key_text(const uint8_t key[NETWORK_ADDRESS], char text[NETWORK_TEXT])
{
	network_text(key, text);
	if (!network_is_v4(key)) {
		strlcat(text, "/56", NETWORK_TEXT);
	}
	return text;
}

int
admin_penalties(const struct config *config)
{
	char address[NETWORK_TEXT], text[PENALTY_TEXT];
	struct penalties p;
	struct penalty penalty;
	size_t at = 0;

	if (penalties_open(&p, config, false) == -1) {
		return errno == ENOENT ? EX_OK : cannot_open(&p);
	}
	while (penalties_readable(&p) &&
	       penalty_next(p.image, &at, penalty_now(), &penalty)) {
		printf("%s %s: %s\n", key_text(penalty.key, address),
		    effect(penalty.points), penalty_text(&penalty, text));
	}
	penalties_close(&p);
	return EX_OK;
}

int
admin_forgive(const struct config *config, const char *address_text)
{
	bool all = strcmp(address_text, "all") == 0;
	uint8_t key[NETWORK_ADDRESS];
	struct network network;
	struct penalties p;

	if (!all) {
		if (!network_parse(address_text, &network)) {
			log_error("--forgive takes an address as --penalties "
				  "prints it, or all; not %s",
			    address_text);
			return EX_USAGE;
		}
		penalty_key(network.address, key);
	}
	if (penalties_open(&p, config, false) == -1) {
		return errno == ENOENT ? EX_OK : cannot_open(&p);
	}
	bool done = penalties_begin(&p);
	if (done) {
		penalty_forgive(p.image, all ? NULL : key);
		penalties_end(&p);
	} else {
		log_error("%s is locked: try again", p.path);
	}
	penalties_close(&p);
	return done ? EX_OK : EX_TEMPFAIL;
}
