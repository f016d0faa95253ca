/* SPDX-License-Identifier: ISC */
/* smtpd --letter, and --stats --html. */
#include "smtpd/admin/letter.h"

#include "common/log/log.h"
#include "smtpd/admin/letter_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

enum { THURSDAY = 3 }; /* days from Monday to 1 January 1970 */

/* Begins a letter about so many days; NULL, logged: status. */
static struct letter *
begin(const struct config *config, uint32_t days, int *status)
{
	struct letter *l = calloc(1, sizeof(*l));

	*status = EX_OSERR;
	if (l == NULL) {
		log_error("no memory left");
		return NULL;
	}
	l->config = config;
	l->now = time(NULL);
	l->today = l->last = stats_today();
	l->days = days;
	if (stats_load(config, &l->stats) == 0) {
		*status = EX_OK;
		return l;
	}
	*status = errno == EACCES ? EX_NOPERM : EX_TEMPFAIL;
	log_error(
	    errno == EACCES
		? "only root may read the counts; type: sudo smtpd --letter"
		: "the counts cannot be read; see smtpd --stats");
	free(l);
	return NULL;
}

/* ---- the letter ---- */

int
admin_letter(const struct service *service, const struct config *config,
    const struct letter_wish *wish)
{
	const char *to =
	    wish->to != NULL || !wish->week ? wish->to : config->letter;
	int status;

	if (to != NULL && to[0] == '\0') {
		return EX_OK; /* letter off */
	}
	struct letter *l = begin(config, LETTER_WEEK, &status);
	if (l == NULL) {
		return status;
	}
	if (wish->week) {
		l->last -= (l->today + THURSDAY) % LETTER_WEEK + 1;
	}
	l->names = true;
	letter_fill(l, true);
	if (to != NULL) {
		status = letter_send(l, service, to);
	} else {
		letter_print_text(l, stdout);
		status = fflush(stdout) == EOF ? EX_IOERR : EX_OK;
	}
	free(l);
	return status;
}

/* ---- the page ---- */

/* Prints to the descriptor, and closes it.  0, or -1 with errno. */
static int
print_to(int fd, const struct letter *l)
{
	FILE *out = fchmod(fd, 0644) == -1 ? NULL : fdopen(fd, "w");

	if (out == NULL) {
		int saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	letter_print_page(l, out);
	bool good = fflush(out) == 0 && ferror(out) == 0 && fsync(fd) == 0;
	return fclose(out) == 0 && good ? 0 : -1;
}

static int
replace(const struct letter *l, const char *path)
{
	char beside[PATH_MAX];
	int n = snprintf(beside, sizeof(beside), "%s.XXXXXX", path), fd = -1;

	if (n < 0 || (size_t)n >= sizeof(beside)) {
		errno = ENAMETOOLONG;
	} else {
		fd = mkostemp(beside, O_CLOEXEC);
	}
	if (fd != -1 && print_to(fd, l) == 0 && rename(beside, path) == 0) {
		return EX_OK;
	}
	log_error("cannot write %s: %s", path, strerror(errno));
	if (fd != -1) {
		(void)unlink(beside);
	}
	return EX_CANTCREAT;
}

int
admin_page(const struct config *config, const struct letter_wish *wish)
{
	int status;
	struct letter *l = begin(config, LETTER_MONTH, &status);

	if (l == NULL) {
		return status;
	}
	l->names = wish->names;
	letter_fill(l, false);
	status = replace(l, wish->page);
	free(l);
	return status;
}
