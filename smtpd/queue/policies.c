/* SPDX-License-Identifier: ISC */
/* What agents find out about policies of domains (MTA-STS), and of TLS with
   their hosts, is kept. */
#include "smtpd/queue/scheduler_private.h"

#include "common/io/file.h"
#include "common/io/notes_file.h"
#include "common/log/log.h"
#include "smtpd/agent/sts_file.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

bool
policies_take(
    const struct runner *r, const struct agent *a, const struct agent_news *n)
{
	struct hop hop;

	if (a->batch == NULL || !batch_hop(r, a->batch, &hop) || !hop.mx) {
		return false;
	}
	if (sts_file_keep(r->config, hop.host, n) == -1) {
		/* Agents ask again each time. */
		log_warn("cannot keep the MTA-STS policy of %s in %s/sts: %s",
		    hop.host, r->config->state, strerror(errno));
	}
	return true;
}

bool
policies_note(
    const struct runner *r, const struct agent *a, const struct tls_note *n)
{
	char line[TLS_NOTE_LINE], domain[ASK_NAME];
	struct hop hop;

	/* TLSA records belong to a host of the domain. */
	if (a->batch == NULL || !batch_hop(r, a->batch, &hop) || !hop.mx ||
	    !ask_name(hop.host, strlen(hop.host), domain) ||
	    (n->policy != TLS_POLICY_TLSA && strcmp(n->domain, domain) != 0)) {
		return false;
	}
	ssize_t len = tls_note_write(n, line);
	int fd = len > 0 ? notes_file_open(r->config, NOTES_TLS) : -1;
	if (fd != -1) {
		/* A report that misses a session is no harm. */
		(void)!file_append(fd, line, (size_t)len);
		close(fd);
	}
	return true;
}
