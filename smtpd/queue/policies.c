/* SPDX-License-Identifier: ISC */
/* What agents find out about policies of domains (MTA-STS), and of TLS with
   their hosts, is kept. */
#include "smtpd/queue/scheduler_private.h"

#include "common/io/file.h"
#include "common/io/statefile.h"
#include "common/log/log.h"
#include "smtpd/agent/sts_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
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

/* Opens the file of the day; -1: nothing is to be added. */
static int
open_notes(const struct config *config)
{
	char path[PATH_MAX];
	struct stat st;

	if (statefile_path(config, "reports", "", path) == -1 ||
	    (mkdir(path, S_IRWXU) == -1 && errno != EEXIST) ||
	    tls_notes_path(config->state, time(NULL), path) == -1) {
		return -1;
	}
	int fd = statefile_open(path, O_WRONLY | O_APPEND | O_CREAT, &st);
	/* What a flood of sessions brings is not all reported. */
	if (fd != -1 && st.st_size >= TLS_NOTES_MOST) {
		close(fd);
		fd = -1;
	}
	return fd;
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
	ssize_t len = r->config->reports ? tls_note_write(n, line) : -1;
	int fd = len > 0 ? open_notes(r->config) : -1;
	if (fd != -1) {
		/* A report that misses a session is no harm. */
		(void)!file_append(fd, line, (size_t)len);
		close(fd);
	}
	return true;
}
