/* SPDX-License-Identifier: ISC */
/*
 * smtpd --check: whether filters are there, and find the test for spam.  Each
 * is asked by a process that has given up its rights, as a worker does.
 */
#include "smtpd/admin/check_private.h"

#include "common/process/process.h"
#include "smtpd/filter/filter.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LIMIT = 60 * 1000 }; /* ms for one of them */

/* Every filter for spam knows this text, and refuses it. */
static const char gtube[] =
    "Received: from example.org ([192.0.2.1])\n"
    "\tby localhost (restante) with ESMTP; "
    "Thu, 1 Jan 2026 00:00:00 +0000\n"
    "From: <sender@example.org>\n"
    "To: <postmaster>\n"
    "Subject: a test of the filter\n"
    "Date: Thu, 1 Jan 2026 00:00:00 +0000\n"
    "Message-ID: <check@example.org>\n"
    "\n"
    "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\n";

struct trial {
	const struct config *config;
	size_t filter;
	int fd;
	struct filter_probe *probe; /* shared with the process that asks */
};

static int
ask(void *context)
{
	const struct trial *t = context;

	filter_probe(t->config, t->filter, t->fd, t->probe);
	return 0;
}

static void
report(struct check *c, const char *name, const struct filter_probe *p)
{
	if (!p->answered) {
		check_finding(c, FINDING_ERROR,
		    "filter %s: %s; is it running, and is this its socket? "
		    "Until it answers, %s",
		    name, p->text,
		    c->config->filter_accept ? "mail goes past it"
					     : "clients have to try again");
	} else if (p->refused) {
		check_finding(c, FINDING_OK,
		    "filter %s refuses a test for spam: %s", name, p->text);
	} else {
		check_finding(c, FINDING_OK,
		    "filter %s takes a test for spam; if it is to find spam, "
		    "see its own log",
		    name);
	}
}

/* A file with the message, which only this process and its children have. */
static FILE *
open_message(void)
{
	FILE *f = tmpfile();

	if (f != NULL && (fputs(gtube, f) == EOF || fflush(f) == EOF)) {
		fclose(f);
		return NULL;
	}
	return f;
}

static void
check_one(struct check *c, size_t i, struct filter_probe *probe)
{
	FILE *f = open_message();
	int status;

	if (f == NULL) {
		check_finding(c, FINDING_ERROR, "cannot write a file: %s",
		    strerror(errno));
		return;
	}
	*probe = (struct filter_probe){ .text = "it does not answer in time" };
	struct trial t = { .config = c->config,
		.filter = i,
		.fd = fileno(f),
		.probe = probe };
	(void)process_run(ask, &t, LIMIT, &status);
	probe->text[sizeof(probe->text) - 1] = '\0';
	report(c, c->config->filters[i], probe);
	fclose(f);
}

void
check_filters(struct check *c)
{
	void *shared = mmap(NULL, sizeof(struct filter_probe),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED) {
		check_finding(
		    c, FINDING_ERROR, "no memory: %s", strerror(errno));
		return;
	}
	for (size_t i = 0; i < c->config->nfilters; i++) {
		check_one(c, i, shared);
	}
	munmap(shared, sizeof(struct filter_probe));
}
