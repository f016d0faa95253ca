/* SPDX-License-Identifier: ISC */
/* HTML and the pictures in it (RFC 2387, RFC 2392). */
#include "smtpd/send/related.h"

#include "common/log/log.h"
#include "common/text/bytes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sysexits.h>
#include <unistd.h>

/*
 * ---- references: found by what they look like, because HTML in the wild is
 * none that a parser would take ----
 */

/* True if a value that begins after this octet ends here. */
static bool
ends_value(char opener, char c)
{
	switch (opener) {
	case '"':
	case '\'':
		return c == opener;
	case '(':
		return c == ')';
	default:
		return c == '>' || c == ' ' || c == '\t' || c == '\r';
	}
}

bool
cid_next(const char *html, size_t len, size_t from, struct cid *found)
{
	for (size_t i = from; i < len; i++) {
		const char *colon = memchr(html + i, ':', len - i);
		if (colon == NULL) {
			return false;
		}
		i = (size_t)(colon - html);
		if (i < from + 4 || strncasecmp(colon - 3, "cid", 3) != 0 ||
		    strchr("\"'=(", colon[-4]) == NULL || colon[-4] == '\0') {
			continue;
		}
		size_t end = i + 1;
		while (end < len && html[end] != '\n' &&
		       !ends_value(colon[-4], html[end])) {
			end++;
		}
		found->at = i + 1;
		found->len = end - found->at;
		return true;
	}
	return false;
}

bool
cid_is(const char *reference, size_t len, const char *name)
{
	if (strlen(name) == len && memcmp(name, reference, len) == 0) {
		return true;
	}
	for (size_t i = 0; i < len; i++, name++) {
		unsigned char c = (unsigned char)reference[i];
		if (c == '%' && len - i > 2 &&
		    hex_digit(reference[i + 1]) != -1 &&
		    hex_digit(reference[i + 2]) != -1) {
			c = (unsigned char)(hex_digit(reference[i + 1]) * 16 +
					    hex_digit(reference[i + 2]));
			i += 2;
		}
		if (c == '\0' || c != (unsigned char)*name) {
			return false;
		}
	}
	return *name == '\0';
}

/* ---- the page ---- */

struct page {
	const char *html;
	size_t len;
	struct part *parts;
	size_t nparts;
	const char *host;
};

static struct part *
find_part(const struct page *page, const struct cid *cid)
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
give_id(struct part *p, const char *host)
{
	if (!p->referred) {
		p->referred = true;
		snprintf(p->id, sizeof(p->id), "%08x%08x.%08x@%s",
		    (unsigned)arc4random(), (unsigned)arc4random(),
		    (unsigned)arc4random(), host);
	}
}

static void
rewrite_page(const struct page *page, FILE *out)
{
	struct cid cid;
	size_t done = 0, from = 0;

	while (cid_next(page->html, page->len, from, &cid)) {
		struct part *p = find_part(page, &cid);
		from = cid.at + cid.len;
		if (p == NULL) {
			continue;
		}
		give_id(p, page->host);
		fwrite(page->html + done, 1, cid.at - done, out);
		fputs(p->id, out);
		done = from;
	}
	fwrite(page->html + done, 1, page->len - done, out);
}

/* Writes the page with its references, in the place of the old one. */
static int
replace_page(const struct page *page, struct source *html)
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
	rewrite_page(page, out);
	html->fd = fd;
	if (fclose(out) != 0) {
		log_error(
		    "cannot write to a temporary file: %s", strerror(errno));
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
	int status = replace_page(&page, html);
	munmap(map, page.len);
	return status;
}
