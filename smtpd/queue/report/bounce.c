/* SPDX-License-Identifier: ISC */
/* Which reports are due, and how they get into the queue.  Runs as root. */
#include "smtpd/queue/report/bounce.h"

#include "common/io/file.h"
#include "common/log/log.h"
#include "smtpd/queue/report/dsn_private.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

bool
bounce_wanted(
    const struct mail *m, const struct recipient *r, enum report_kind kind)
{
	if ((r->notify & NOTIFY_NEVER) != 0) {
		return false;
	}
	if (m->sender[0] == '\0') {
		return kind == REPORT_FAILED; /* for postmaster */
	}
	switch (kind) {
	case REPORT_FAILED:
		return r->notify == 0 || (r->notify & NOTIFY_FAILURE) != 0;
	case REPORT_DELAYED:
		return r->notify == 0 || (r->notify & NOTIFY_DELAY) != 0;
	case REPORT_DELIVERED:
	case REPORT_RELAYED:
	case REPORT_EXPANDED:
		return (r->notify & NOTIFY_SUCCESS) != 0;
	}
	return false;
}

/* Makes the id, which is the same for the same report. */
static void
make_id(const struct dsn *d, char id[MAIL_ID + 1])
{
	static const char *const kinds[] = {
		[REPORT_FAILED] = "failed",
		[REPORT_DELAYED] = "delayed",
		[REPORT_DELIVERED] = "delivered",
		[REPORT_RELAYED] = "relayed",
		[REPORT_EXPANDED] = "expanded",
	};
	struct mail_derived derived;

	mail_derive(&derived, d->file->id);
	for (size_t i = 0; i < d->count; i++) {
		mail_derive_add(&derived, kinds[d->recipients[i].kind],
		    d->recipients[i].recipient);
	}
	mail_derived_id(&derived, id);
}

static bool
is_postmaster(const struct config *config, const char *address)
{
	return strncasecmp(address, "postmaster@", 11) == 0 &&
	       (strcasecmp(address + 11, config->hostname) == 0 ||
		   config_is_ours(config, address + 11));
}

/* True if reports of a next hop come to the address, by relay-from. */
static bool
is_relay_sender(const struct config *config, const char *address)
{
	for (size_t i = 0; i < config->nrelay_froms; i++) {
		if (strcasecmp(config->relay_froms[i].value, address) == 0) {
			return true;
		}
	}
	return false;
}

/* The address that it was for, if a report on this would loop: postmaster, or
   one that reports to postmaster may be sent with; else NULL. */
static const char *
looping(const struct dsn *d)
{
	const struct mail *m = &d->file->mail;

	for (size_t i = 0; i < d->count; i++) {
		const struct recipient *r =
		    &m->recipients[d->recipients[i].recipient];
		if (is_postmaster(d->config, r->text) ||
		    is_postmaster(d->config, r->given)) {
			return "postmaster";
		}
		if (is_relay_sender(d->config, r->given)) {
			return r->given;
		}
	}
	return NULL;
}

/* The report in a file; its descriptor, or -1. */
static int
compose_report(const struct dsn *d, bool *eight_bit)
{
	int fd = file_unnamed(d->file->queue->path);
	int copy = fd == -1 ? -1 : dup(fd);
	FILE *out = copy == -1 ? NULL : fdopen(copy, "w");

	if (out != NULL) {
		int done = dsn_compose(d, out, eight_bit);
		int error = errno;
		bool written = fclose(out) == 0;
		if (done == 0 && written) {
			return fd;
		}
		errno = done == -1 ? error : errno;
	} else if (copy != -1) {
		close(copy);
	}
	int error = errno;
	if (fd != -1) {
		close(fd);
	}
	errno = error;
	return -1;
}

/* Commit point: after a 0 the report is durable in the queue. */
static int
commit_report(const struct dsn *d, struct mail *m)
{
	const struct recipient to = {
		.target = TARGET_ADDRESS,
		.text = d->to,
		.given = "",
		.owner = "",
		.orcpt = "",
	};
	struct queue_body body = { .length = -1, .wire = true };

	body.fd = compose_report(d, &m->eight_bit);
	if (body.fd == -1) {
		return -1;
	}
	int done = mail_add(m, &to);
	if (done == 0) {
		done = queue_commit(d->file->queue, m, &body);
	}
	/* It was committed before, and then there was a crash. */
	done = done == -1 && errno == EEXIST ? 0 : done;
	int error = errno;
	close(body.fd);
	errno = error;
	return done;
}

static int
hold_report(struct queue_file *f, const char *to)
{
	if (queue_move(f, QUEUE_HOLD) == -1) {
		log_error("%s: an undeliverable report to %s could not be "
			  "held: %s",
		    f->id, to, strerror(errno));
		return -1;
	}
	log_error("%s: an undeliverable report to %s is on hold: see mailq, "
		  "and check where that alias leads",
	    f->id, to);
	errno = EMLINK;
	return -1;
}

/* Logs the report in the form that Postfix has. */
static void
log_report(const struct dsn *d, const struct mail *m)
{
	static const char *const kinds[] = {
		[REPORT_FAILED] = "non-delivery",
		[REPORT_DELAYED] = "delay",
		[REPORT_DELIVERED] = "delivery status",
		[REPORT_RELAYED] = "delivery status",
		[REPORT_EXPANDED] = "delivery status",
	};

	log_info_as("bounce", "%s: %s %s notification: %s", d->file->id,
	    d->undelivered ? "postmaster" : "sender",
	    kinds[d->recipients[0].kind], m->id);
}

int
bounce_report(const struct report *report)
{
	const struct config *config = report->config;
	struct queue_file *f = report->file;
	char postmaster[CONFIG_NAME + 16];
	struct mail m;
	struct dsn d = {
		.config = config,
		.file = f,
		.recipients = report->recipients,
		.count = report->count,
		.until = report->until,
		.to = f->mail.sender,
		.undelivered = f->mail.sender[0] == '\0',
		.utf8 = f->mail.utf8,
		.id = m.id,
		.now = time(NULL),
	};

	const char *loop = d.undelivered ? looping(&d) : NULL;
	if (loop != NULL) {
		return hold_report(f, loop);
	}
	snprintf(
	    postmaster, sizeof(postmaster), "postmaster@%s", config->hostname);
	d.to = d.undelivered ? postmaster : d.to;
	mail_init(&m);
	make_id(&d, m.id);
	m.utf8 = d.utf8;
	m.need_tls = f->mail.need_tls;
	m.priority = f->mail.priority;
	/* On the account of whoever had it written. */
	bool stranger = f->mail.user[0] == '\0' && f->mail.client[0] != '\0';
	strlcpy(
	    m.client, stranger ? f->mail.client : "local", sizeof(m.client));
	int done = commit_report(&d, &m);
	int error = errno;
	if (done == 0) {
		log_report(&d, &m);
	}
	mail_free(&m);
	errno = error;
	return done;
}
