/* SPDX-License-Identifier: ISC */
/* HTML and the pictures in it (RFC 2387, RFC 2392). */
#include "smtpd/send/related.h"

#include "common/log/log.h"
#include "smtpd/send/cid.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sysexits.h>
#include <unistd.h>

struct page {
	const char *html;
	size_t len;
	struct part *parts;
	size_t nparts;
	const char *host;
};

static struct part *
find(const struct page *page, const struct cid *cid)
{
	for (size_t i = 0; i < page->nparts; i++) {
		if (cid_is(
			page->html + cid->at, cid->len, page->parts[i].name)) {
			return &page->parts[i];
		}
	}
	log_warn("the HTML refers to cid:%.*s, and no file of that name was "
		 "given",
	    (int)(cid->len < 200 ? cid->len : 200), page->html + cid->at);
	return NULL;
}

static void
refer(struct part *p, const char *host)
{
	if (!p->referred) {
		p->referred = true;
		snprintf(p->id, sizeof(p->id), "%08x%08x.%08x@%s",
		    (unsigned)arc4random(), (unsigned)arc4random(),
		    (unsigned)arc4random(), host);
	}
}

static void
rewrite(const struct page *page, FILE *out)
{
	struct cid cid;
	size_t done = 0, from = 0;

	while (cid_next(page->html, page->len, from, &cid)) {
		struct part *p = find(page, &cid);
		from = cid.at + cid.len;
		if (p == NULL) {
			continue;
		}
		refer(p, page->host);
		fwrite(page->html + done, 1, cid.at - done, out);
		fputs(p->id, out);
		done = from;
	}
	fwrite(page->html + done, 1, page->len - done, out);
}

/* The page anew; in place of the old one. */
static int
replace(const struct page *page, struct source *html)
{
	struct source old = *html;
	int fd = source_scratch();
	int copy = fd == -1 ? -1 : dup(fd);
	FILE *out = copy == -1 ? NULL : fdopen(copy, "w");

	if (out == NULL) {
		log_error("cannot open a second file: %s", strerror(errno));
		close(fd);
		close(copy);
		return EX_OSERR;
	}
	rewrite(page, out);
	html->fd = fd;
	if (fclose(out) != 0) {
		log_error("cannot keep a copy in the folder for temporary "
			  "files: %s",
		    strerror(errno));
		source_close(&old);
		return EX_IOERR;
	}
	source_close(&old);
	return source_add(html, "");
}

int
related_resolve(
    struct source *html, struct part *parts, size_t nparts, const char *host)
{
	struct page page = { .len = (size_t)html->before.st_size,
		.parts = parts,
		.nparts = nparts,
		.host = host };

	if (page.len == 0) {
		return EX_OK;
	}
	/* It is a copy of our own, so nobody cuts it off below us. */
	void *map = mmap(NULL, page.len, PROT_READ, MAP_PRIVATE, html->fd, 0);
	if (map == MAP_FAILED) {
		log_error("cannot read %s: %s", html->name, strerror(errno));
		return EX_OSERR;
	}
	page.html = map;
	int status = replace(&page, html);
	munmap(map, page.len);
	return status;
}
