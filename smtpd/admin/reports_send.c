/* SPDX-License-Identifier: ISC */
/*
 * Sends reports: a day's notes are claimed, a process that is confined makes
 * mails of them, and these are submitted as mail of this machine.
 */
#include "smtpd/admin/reports_send.h"

#include "common/auth/tlsrpt.h"
#include "common/io/file.h"
#include "common/io/notes_file.h"
#include "common/io/statefile.h"
#include "common/log/log.h"
#include "common/process/privilege.h"
#include "common/process/process.h"
#include "common/process/sandbox.h"
#include "common/text/address.h"
#include "smtpd/admin/reports_build.h"
#include "smtpd/send/source.h"
#include "smtpd/send/submit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

enum {
	BUILDING = 6 * 60 * 1000, /* ms for all names of a day, at most */
	SUBMITTING = 60 * 1000,   /* and for one mail */
};

static const char claimed[] = ".sending";

struct sending {
	const struct service *service;
	const struct config *config;
	const struct report_kind *kind;
	struct dns *dns;
	int fd; /* the notes, or the mail that is submitted */
	int64_t begin;
	char from[OUTBOX_ADDRESS];
	char *notes;
	struct outbox *box; /* shared with the process that makes it */
	const char *to;
};

/* ---- the process that makes mails ---- */

static int
build_confined(void *context)
{
	struct sending *s = context;
	int others[] = { s->fd };

	process_close_others(others, 1);
	privilege_become_client(s->config, SANDBOX_MEMORY);
	ssize_t n = file_read_all(s->fd, s->notes, NOTES_MOST);
	if (n == -1) {
		return EX_IOERR;
	}
	return report_build(s->kind, s->config, s->dns,
		   (struct span){ s->notes, (size_t)n }, s->begin, s->from,
		   s->box) == -1
	           ? EX_OSERR
	           : EX_OK;
}

/* True for an address, or a URI where these may be. */
static bool
is_receiver(const struct report_kind *kind, const char *to)
{
	struct address address;
	struct tlsrpt_uri uri;
	struct span rua = { to, strnlen(to, OUTBOX_ADDRESS) };
	const char *rest;

	if (rua.len == OUTBOX_ADDRESS) {
		return false;
	}
	if (report_is_web(to)) {
		return kind->tls && tlsrpt_uri_next(&rua, &uri) && uri.web &&
		       strcmp(uri.text, to) == 0;
	}
	return address_path(to, &address, &rest) == PATH_OK && *rest == '\0' &&
	       address.domain[0] != '\0';
}

/* False if its process was taken over. */
static bool
is_valid(const struct report_kind *kind, const struct outbox *box)
{
	char name[ASK_NAME];
	bool good = box->count <= OUTBOX_MAILS;

	good = good && memchr(box->first_silent, '\0', ASK_NAME) != NULL &&
	       (box->silent == 0 || ask_name(box->first_silent,
					strlen(box->first_silent), name));

	for (size_t i = 0; good && i < box->count; i++) {
		good = is_receiver(kind, box->mails[i].to) &&
		       box->mails[i].at <= OUTBOX_ROOM &&
		       box->mails[i].len <= OUTBOX_ROOM - box->mails[i].at;
	}
	return good;
}

/* ---- submitting ---- */

static int
submit_mail(void *context)
{
	struct sending *s = context;
	char *to[] = { (char *)(uintptr_t)s->to, NULL };
	struct options *o = calloc(1, sizeof(*o));

	if (o == NULL) {
		return EX_OSERR;
	}
	o->from = s->from;
	o->notify = NOTIFY_NEVER;
	o->dot_is_text = true;
	o->recipients = to;
	return submit(s->service, s->config, o, s->fd);
}

static bool
send_mail(struct sending *s, size_t i)
{
	const char *text = s->box->text + s->box->mails[i].at;
	size_t len = s->box->mails[i].len;
	int status = EX_OSERR;

	s->to = s->box->mails[i].to;
	if (report_is_web(s->to)) {
		return report_post(s->config, s->dns, s->to, text, len);
	}
	s->fd = source_scratch();
	if (s->fd == -1) {
		return false;
	}
	bool good = file_append(s->fd, text, len) == 0 &&
	            lseek(s->fd, 0, SEEK_SET) == 0 &&
	            process_run(submit_mail, s, SUBMITTING, &status) ==
	                PROCESS_EXITED &&
	            status == EX_OK;
	close(s->fd);
	if (!good) {
		log_warn("a report of %s for %s could not be sent",
		    s->kind->name, s->to);
	}
	return good;
}

/* ---- a day ---- */

static void
send_day(struct sending *s, const char *path)
{
	int status = EX_OSERR;
	size_t sent = 0;

	s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (s->fd == -1) {
		log_error("cannot open %s: %s", path, strerror(errno));
		return;
	}
	memset(s->box, 0, offsetof(struct outbox, mails));
	enum process_end end =
	    process_run(build_confined, s, BUILDING, &status);
	close(s->fd);
	/* What is ready when the time is over is whole. */
	if ((end != PROCESS_LATE &&
		(end != PROCESS_EXITED || status != EX_OK)) ||
	    !is_valid(s->kind, s->box)) {
		log_error("no reports of %s are sent of %s: it cannot be read",
		    s->kind->name, path);
		return;
	}
	for (size_t i = 0; i < s->box->count; i++) {
		sent += send_mail(s, i);
	}
	log_info("sent %zu reports of %s%s", sent, s->kind->name,
	    s->box->left_out > 0 ? ", and left others out" : "");
	if (s->box->silent > 0) {
		log_warn("reports of %s on %" PRIu32
			 " domains are not sent: no name server says who wants "
			 "them, of %s for one",
		    s->kind->name, s->box->silent, s->box->first_silent);
	}
}

/* The day that a file of notes is about, and what is left of its name; NULL: it
   is none. */
static const char *
day_of(const struct report_kind *kind, const char *name, int64_t *begin)
{
	struct tm tm = { .tm_hour = 0 };
	size_t n = strlen(kind->files);
	const char *end = strncmp(name, kind->files, n) == 0
	                      ? strptime(name + n, "%Y%m%d", &tm)
	                      : NULL;

	if (end == NULL || end != name + n + 8) {
		return NULL;
	}
	*begin = timegm(&tm);
	return *end == '\0' || strcmp(end, claimed) == 0 ? end : NULL;
}

/* Claims the notes of a day that is over, and sends what is in them; what
   another process has claimed, and left over, goes. */
static void
take_file(struct sending *s, const char *folder, const char *name)
{
	char path[PATH_MAX], mine[PATH_MAX];
	int64_t now = (int64_t)time(NULL);
	const char *rest = day_of(s->kind, name, &s->begin);

	if (rest == NULL || s->begin + OUTBOX_DAY > now ||
	    snprintf(path, sizeof(path), "%s/%s", folder, name) >= PATH_MAX ||
	    snprintf(mine, sizeof(mine), "%s%s", path, claimed) >= PATH_MAX) {
		return;
	}
	if (*rest != '\0') {
		struct stat st;
		if (stat(path, &st) == 0 && st.st_ctime + OUTBOX_DAY < now) {
			(void)unlink(path);
		}
		return;
	}
	/* Only one of those who try has it then. */
	if (rename(path, mine) == -1) {
		return;
	}
	if (s->begin + 3 * OUTBOX_DAY > now) {
		send_day(s, mine);
	}
	(void)unlink(mine);
}

static void *
memory(size_t size, int kind)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    kind | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static bool
prepare(struct sending *s)
{
	const struct config *config = s->config;
	const char *domain =
	    config->ndomains > 0 ? config->domains[0] : config->hostname;

	s->notes = memory(NOTES_MOST, MAP_PRIVATE);
	s->box = memory(sizeof(*s->box), MAP_SHARED);
	s->dns = dns_open(config);
	int n = snprintf(
	    s->from, sizeof(s->from), "%s@%s", s->kind->sender, domain);
	return s->notes != NULL && s->box != NULL && s->dns != NULL &&
	       n < (int)sizeof(s->from);
}

static void
send_kind(const struct service *service, const struct config *config,
    const struct report_kind *kind)
{
	struct sending s = {
		.service = service, .config = config, .kind = kind
	};
	char folder[PATH_MAX];
	DIR *d = config->reports &&
	                 statefile_path(config, NOTES_FOLDER, "", folder) == 0
	             ? opendir(folder)
	             : NULL;
	struct dirent *e;

	if (d == NULL) {
		return;
	}
	if (prepare(&s)) {
		while ((e = readdir(d)) != NULL) {
			take_file(&s, folder, e->d_name);
		}
	} else {
		log_error("no reports of %s are sent: %s", kind->name,
		    strerror(errno));
	}
	closedir(d);
	dns_close(s.dns);
	if (s.notes != NULL) {
		munmap(s.notes, NOTES_MOST);
	}
	if (s.box != NULL) {
		munmap(s.box, sizeof(*s.box));
	}
}

void
reports_send(const struct service *service, const struct config *config)
{
	send_kind(service, config, &report_dmarc);
	send_kind(service, config, &report_tls);
}
