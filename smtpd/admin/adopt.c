/* SPDX-License-Identifier: ISC */
/* smtpd --adopt: the queue of a machine that is gone.  Runs as root. */
#include "common/log/log.h"
#include "smtpd/admin/manage.h"
#include "smtpd/admin/view_private.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

struct adoption {
	struct queue own, other;
	size_t adopted, left;
	int result; /* the exit status of the first trouble */
};

static void
leave(struct adoption *a, enum queue_place place, const char *name,
    const char *why, int status)
{
	log_error("%s/%s/%s stays there: %s", a->other.path,
	    queue_place_names[place], name, why);
	a->left++;
	a->result = a->result == EX_OK ? status : a->result;
}

static int
adopt_message(void *context, enum queue_place place, const char *name)
{
	struct adoption *a = context;
	struct queue_file f;

	switch (queue_claim(&a->other, place, name, &f)) {
	case QUEUE_CLAIMED:
		if (queue_adopt(&a->own, &f) == 0) {
			printf("%s\n", f.id);
			a->adopted++;
		} else {
			leave(a, place, name, strerror(errno), EX_IOERR);
		}
		queue_release(&f);
		break;
	case QUEUE_GONE:
		break;
	case QUEUE_BUSY:
		leave(
		    a, place, name, "another process works on it", EX_TEMPFAIL);
		break;
	case QUEUE_DAMAGED:
		leave(a, place, name, "it is damaged, and set aside in corrupt",
		    EX_DATAERR);
		break;
	case QUEUE_LATER:
		leave(a, place, name,
		    "a later version has written it: adopt it by that",
		    EX_DATAERR);
		break;
	case QUEUE_ERROR:
		leave(a, place, name, strerror(errno), EX_IOERR);
		break;
	}
	return ferror(stdout) ? -1 : 0;
}

/* Opens both; an exit status. */
static int
open_both(struct adoption *a, const struct config *config, const char *path)
{
	struct stat own, other;

	if (stat(path, &other) == -1) {
		log_error("%s: %s", path, strerror(errno));
		return EX_NOINPUT;
	}
	int result = view_open(config, &a->own, "smtpd --adopt DIR");
	if (result == VIEW_NONE) {
		log_error("%s is not there yet: start the server first",
		    config->queue);
		return EX_UNAVAILABLE;
	}
	if (result != EX_OK) {
		return result;
	}
	if (fstat(a->own.fd, &own) == 0 && own.st_dev == other.st_dev &&
	    own.st_ino == other.st_ino) {
		log_error("%s is the queue of this machine itself", path);
		queue_close(&a->own);
		return EX_USAGE;
	}
	if (queue_open(&a->other, path) == -1) {
		log_error("%s: %s; it has to be a queue, on a disk that can be "
			  "written to, and to belong to uid %u",
		    path, strerror(errno), (unsigned)geteuid());
		queue_close(&a->own);
		return EX_NOINPUT;
	}
	return EX_OK;
}

/* Goes through the queue, of which we are the runner. */
static int
adopt_all(struct adoption *a)
{
	static const enum queue_place places[] = { QUEUE_ACTIVE, QUEUE_DEFERRED,
		QUEUE_HOLD };
	int done = 0;

	for (size_t i = 0; done == 0 && i < sizeof(places) / sizeof(places[0]);
	     i++) {
		done = view_each(&a->other, places[i], adopt_message, a);
	}
	if (done == -1) {
		log_error("%s: %s", a->other.path, strerror(errno));
		return EX_IOERR;
	}
	fprintf(stderr, "%zu adopted, %zu left%s\n", a->adopted, a->left,
	    a->adopted > 0 ? "; to have them sent now, type: smtpd -q" : "");
	return a->result;
}

int
manage_adopt(const struct config *config, const char *path)
{
	static struct adoption a;
	int result = open_both(&a, config, path);

	if (result != EX_OK) {
		return result;
	}
	int lock = queue_lock_runner(&a.other);
	if (lock == -1) {
		log_error("%s: %s", path,
		    errno == EWOULDBLOCK
			? "a run of the queue or another --adopt is at work "
			  "there"
			: strerror(errno));
		result = EX_TEMPFAIL;
	} else {
		result = adopt_all(&a);
		close(lock);
	}
	queue_close(&a.other);
	queue_close(&a.own);
	return fflush(stdout) == EOF ? EX_IOERR : result;
}
