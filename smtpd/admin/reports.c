/* SPDX-License-Identifier: ISC */
/*
 * Sums up reports on mail in our name.  Anybody may have written them: each
 * file is read by a process that can do nothing but read it and write into one
 * piece of memory, and has a deadline.
 */
#include "smtpd/admin/reports.h"

#include "common/log/log.h"
#include "common/login/aliases_load.h"
#include "common/login/users.h"
#include "common/process/privilege.h"
#include "common/process/process.h"
#include "common/process/sandbox.h"
#include "smtpd/admin/reports_private.h"
#include "smtpd/route/expand.h"
#include "spool/become.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

enum { PATIENCE = 60000 }; /* ms for a file */

struct reports {
	const struct config *config;
	struct confinement confinement;
	struct report_sum sum;     /* what has been read */
	struct report_sum *shared; /* with the process that reads */
	char *data, *room;         /* of that process */
	int fd;
	/* A mailbox, which only its owner opens; NULL: fd is open. */
	const struct account *owner;
	const char *mailbox;
};

static void *
memory(size_t size, int kind)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    kind | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* ---- the process that reads ---- */

/* Becomes who owns the mailbox, and opens it; or nobody. */
static int
lose_rights(struct reports *r)
{
	struct stat st;

	if (r->owner == NULL) {
		return privilege_confine(&r->confinement) == -1 ? EX_OSERR
		                                                : EX_OK;
	}
	if (become_account(r->config, r->owner, r->mailbox) == -1) {
		return EX_OSERR;
	}
	r->fd =
	    open(r->mailbox, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	return r->fd == -1 || fstat(r->fd, &st) == -1 || !S_ISREG(st.st_mode)
	           ? EX_NOINPUT
	           : EX_OK;
}

/* All memory that it needs is there before. */
static int
read_confined(void *context)
{
	struct reports *r = context;
	int others[] = { r->fd };

	process_close_others(others, 1);
	int status =
	    sandbox_memory(SANDBOX_MEMORY) == -1 ? EX_OSERR : lose_rights(r);
	if (status != EX_OK) {
		return status;
	}
	if (sandbox_session() == -1) {
		return EX_OSERR;
	}
	memcpy(r->shared, &r->sum, sizeof(r->sum));
	if (report_file(r->config, r->fd, r->data, r->room, r->shared) == -1) {
		return errno == EISDIR ? EX_NOINPUT : EX_IOERR;
	}
	return EX_OK;
}

/* ---- files ---- */

/* Takes over what was read of a file; an exit status. */
static int
take(struct reports *r, const char *file)
{
	uint64_t before = r->sum.reports + r->sum.twice + r->sum.unvouched;
	uint32_t problems = r->sum.nproblems;

	if (!report_sum_valid(r->shared)) {
		log_error("%s: not read: it has taken its reader over", file);
		return EX_DATAERR;
	}
	memcpy(&r->sum, r->shared, sizeof(r->sum));
	for (uint32_t i = problems; i < r->sum.nproblems; i++) {
		log_error("%s: %s", file, r->sum.problems[i]);
	}
	if (r->sum.unsaid > 0) {
		log_error("%s: %" PRIu64 " more could not be read", file,
		    r->sum.unsaid);
	}
	if (r->sum.nproblems > problems) {
		r->sum.nproblems = 0;
		r->sum.unsaid = 0;
		return EX_DATAERR;
	}
	if (before == r->sum.reports + r->sum.twice + r->sum.unvouched) {
		log_error("%s: there is no report in it", file);
		return EX_NOINPUT;
	}
	return EX_OK;
}

static int
read_file(struct reports *r, const char *file)
{
	int status;

	switch (process_run(read_confined, r, PATIENCE, &status)) {
	case PROCESS_EXITED:
		if (status == EX_OK) {
			return take(r, file);
		}
		log_error("%s: it cannot be read", file);
		return status;
	case PROCESS_SIGNALED:
		log_error("%s: not counted: its reader has died of signal %d",
		    file, status);
		return EX_DATAERR;
	case PROCESS_LATE:
		log_error(
		    "%s: not counted: it takes longer than any report", file);
		return EX_DATAERR;
	case PROCESS_FAILED:
		break;
	}
	log_error("cannot start a process: %s", strerror(errno));
	return EX_OSERR;
}

static int
open_file(struct reports *r, const char *file)
{
	struct stat st;

	if (strcmp(file, "-") == 0) {
		r->fd = STDIN_FILENO;
		return read_file(r, "standard input");
	}
	r->fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (r->fd == -1 || fstat(r->fd, &st) == -1 ||
	    (!S_ISREG(st.st_mode) && (errno = EINVAL))) {
		log_error("%s: %s", file,
		    errno == EINVAL ? "it is no file" : strerror(errno));
		if (r->fd != -1) {
			close(r->fd);
		}
		return EX_NOINPUT;
	}
	int status = read_file(r, file);
	close(r->fd);
	return status;
}

/* ---- the mailboxes of postmaster, where --dns has reports sent ---- */

static int
open_mailbox(struct reports *r, const struct names *names, const char *user)
{
	struct account account;
	char path[PATH_MAX];

	if (account_find(r->config, names, user, &account) != STATUS_OK ||
	    account_mailbox(r->config, &account, path) == -1) {
		log_error("%s has no mailbox here", user);
		return EX_NOINPUT;
	}
	r->fd = -1;
	r->owner = &account;
	r->mailbox = path;
	int status = read_file(r, path);
	r->owner = NULL;
	return status;
}

/* Follows aliases to those who have it here. */
static int
open_duty(
    struct reports *r, const struct names *names, const struct aliases *aliases)
{
	const struct expand e = {
		.config = r->config, .names = names, .aliases = aliases
	};
	const struct recipient postmaster = {
		.text = "postmaster", .given = "", .owner = "", .orcpt = ""
	};
	struct mail mail;
	int status = EX_NOINPUT;

	mail_init(&mail);
	enum expanded result = expand_recipient(&e, &postmaster, &mail);
	bool none = true;
	for (size_t i = 0; result == EXPANDED_OK && i < mail.count; i++) {
		if (mail.recipients[i].target == TARGET_USER) {
			int one =
			    open_mailbox(r, names, mail.recipients[i].text);
			status = none ? one : status == EX_OK ? one : status;
			none = false;
		}
	}
	if (none) {
		log_error("postmaster has no mailbox here: name the file that "
			  "has the reports");
	}
	mail_free(&mail);
	return status;
}

static int
open_postmaster(struct reports *r)
{
	char error[CONFIG_ERROR];
	struct names *names = names_load(r->config, error);
	struct aliases *aliases =
	    names == NULL ? NULL : aliases_load(r->config, error);
	int status = EX_CONFIG;

	if (aliases == NULL) {
		log_error("%s", error);
	} else {
		status = open_duty(r, names, aliases);
		aliases_free(aliases);
	}
	if (names != NULL) {
		names_free(names);
	}
	return status;
}

static bool
prepare(struct reports *r, const struct config *config)
{
	r->config = config;
	r->shared = memory(sizeof(*r->shared), MAP_SHARED);
	r->data = memory(REPORT_PACKED + 1, MAP_PRIVATE);
	r->room = memory(REPORT_UNPACKED, MAP_PRIVATE);
	if (r->shared == NULL || r->data == NULL || r->room == NULL) {
		log_error("not enough memory");
		return false;
	}
	arc4random_buf(r->sum.seed, sizeof(r->sum.seed));
	return privilege_prepare(config, &r->confinement) == 0;
}

int
admin_reports(const struct config *config, char **files, bool json)
{
	struct reports *r = calloc(1, sizeof(*r));
	int status = EX_OK;

	if (r == NULL || !prepare(r, config)) {
		free(r);
		return EX_OSERR;
	}
	if (files[0] == NULL) {
		status = open_postmaster(r);
	}
	for (size_t i = 0; files[i] != NULL; i++) {
		int one = open_file(r, files[i]);
		status = status == EX_OK ? one : status;
	}
	if (json) {
		report_print_json(&r->sum);
	} else {
		report_print(config, &r->sum);
	}
	free(r);
	return status;
}
