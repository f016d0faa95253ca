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

/* What HTML writes for the octets that may stand before a value. */
static const char *const quotes[] = { "&quot;", "&apos;", "&#34;", "&#39;",
	"&#x22;", "&#x27;" };

/* The quote that ends before p, as HTML writes it; "" if there is none. */
static const char *
quote_before(const char *html, const char *p)
{
	for (size_t i = 0; i < sizeof(quotes) / sizeof(quotes[0]); i++) {
		size_t n = strlen(quotes[i]);
		if ((size_t)(p - html) >= n &&
		    strncasecmp(p - n, quotes[i], n) == 0) {
			return quotes[i];
		}
	}
	return "";
}

/* True if a value that begins after this octet, or quote, ends here. */
static bool
ends_value(char opener, const char *quote, const char *p, size_t len)
{
	size_t n = strlen(quote);

	switch (opener) {
	case '"':
	case '\'':
		return *p == opener;
	case '(':
		return *p == ')';
	case ';':
		return n <= len && strncasecmp(p, quote, n) == 0;
	default:
		return *p == '>' || *p == ' ' || *p == '\t' || *p == '\r';
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
		if (i < from + 4 || strncasecmp(colon - 3, "cid", 3) != 0) {
			continue;
		}
		const char *value = colon - 3;
		while (value - 1 > html + from && is_blank(value[-1])) {
			value--;
		}
		char opener = value[-1];
		const char *quote = quote_before(html + from, value);
		if (opener == '\0' || strchr("\"'=(;", opener) == NULL ||
		    (opener == ';' && *quote == '\0')) {
			continue;
		}
		size_t end = i + 1;
		while (end < len && html[end] != '\n' &&
		       !ends_value(opener, quote, html + end, len - end)) {
			end++;
		}
		while (end > i + 1 && is_blank(html[end - 1])) {
			end--;
		}
		found->at = i + 1;
		found->len = end - found->at;
		return true;
	}
	return false;
}

enum { LONGEST = 2048 }; /* of a reference that can be the name of a file */

/* Writes a character as UTF-8; how many octets. */
static size_t
put_character(unsigned long c, char out[4])
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* The number of "#38" or "#x26"; 0: it is none of a character. */
static unsigned long
numbered(const char *name, size_t len)
{
	bool hex = len > 1 && (name[1] == 'x' || name[1] == 'X');
	unsigned long c = 0;

	for (size_t i = hex ? 2 : 1; i < len; i++) {
		int digit = hex_digit(name[i]);
		if (digit == -1 || (!hex && digit > 9) || c > 0x10ffff) {
			return 0;
		}
		c = c * (hex ? 16 : 10) + (unsigned long)digit;
	}
	return c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0 : c;
}

/* The character that an entity stands for, without & and ;.  0: none known. */
static unsigned long
entity(const char *name, size_t len)
{
	static const struct {
		const char *name;
		unsigned long c;
	} names[] = { { "amp", '&' }, { "lt", '<' }, { "gt", '>' },
		{ "quot", '"' }, { "apos", '\'' }, { "nbsp", 0xa0 },
		{ "Auml", 0xc4 }, { "Ouml", 0xd6 }, { "Uuml", 0xdc },
		{ "szlig", 0xdf }, { "agrave", 0xe0 }, { "aacute", 0xe1 },
		{ "acirc", 0xe2 }, { "auml", 0xe4 }, { "aring", 0xe5 },
		{ "ccedil", 0xe7 }, { "egrave", 0xe8 }, { "eacute", 0xe9 },
		{ "ecirc", 0xea }, { "iacute", 0xed }, { "ntilde", 0xf1 },
		{ "oacute", 0xf3 }, { "ocirc", 0xf4 }, { "ouml", 0xf6 },
		{ "oslash", 0xf8 }, { "uacute", 0xfa }, { "uuml", 0xfc } };

	if (len > 1 && *name == '#') {
		return numbered(name, len);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strlen(names[i].name) == len &&
		    memcmp(names[i].name, name, len) == 0) {
			return names[i].c;
		}
	}
	return 0;
}

/* What HTML has written, without its entities; 0: too long. */
static size_t
decode_entities(const char *text, size_t len, char out[LONGEST])
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		const char *end =
		    text[i] == '&' ? memchr(text + i, ';', len - i) : NULL;
		unsigned long c =
		    end == NULL
			? 0
			: entity(text + i + 1, (size_t)(end - text) - i - 1);
		if (n + 4 > LONGEST) {
			return 0;
		}
		if (c == 0) {
			out[n++] = text[i];
			continue;
		}
		n += put_character(c, out + n);
		i = (size_t)(end - text);
	}
	return n;
}

/* True if a URL without entities is that name. */
static bool
url_is(const char *url, size_t len, const char *name)
{
	for (size_t i = 0; i < len; i++, name++) {
		unsigned char c = (unsigned char)url[i];
		if (c == '%' && len - i > 2 && hex_digit(url[i + 1]) != -1 &&
		    hex_digit(url[i + 2]) != -1) {
			c = (unsigned char)(hex_digit(url[i + 1]) * 16 +
					    hex_digit(url[i + 2]));
			i += 2;
		}
		if (c == '\0' || c != (unsigned char)*name) {
			return false;
		}
	}
	return *name == '\0';
}

bool
cid_is(const char *reference, size_t len, const char *name)
{
	char url[LONGEST];

	if (strlen(name) == len && memcmp(name, reference, len) == 0) {
		return true;
	}
	size_t n = decode_entities(reference, len, url);
	return n > 0 && (url_is(url, n, name) ||
			    (strlen(name) == n && memcmp(name, url, n) == 0));
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
