/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_TEXT_XML_H
#define RESTANTE_COMMON_TEXT_XML_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Reads XML (the recommendation of W3C) as reports have it: elements and their
 * texts.  Pure, without allocation, linear in time.  A document type, and so
 * every entity but the five that are predefined, is refused, and no name of a
 * file or host in it means anything.  Attributes are passed over, prefixes of
 * namespaces cut off.
 */

enum {
	XML_DEPTH = 16,
	XML_NAME = 64,   /* longer names are no ones that we know: cut */
	XML_TEXT = 1024, /* longer texts are cut */
};

enum xml_event {
	XML_START, /* of an element: names[depth - 1] */
	XML_END,   /* the same one; text is what stands right in it */
	XML_DONE,  /* the document is over */
	XML_WRONG, /* why says what is wrong */
};

/* Begins with at and end set. */
struct xml {
	const char *at, *end;
	unsigned depth;
	char names[XML_DEPTH][XML_NAME];
	size_t len;
	char text[XML_TEXT]; /* trimmed, with NUL; of the last element */
	const char *why;

	bool begun;          /* an element was there */
	bool closing, ended; /* one ends with the tag that starts it; it has */
	size_t hashes[XML_DEPTH]; /* of whole names */
};

enum xml_event xml_next(struct xml *);

/* True if the elements are those of a path, the outermost first: "a/b/c". */
bool xml_is(const struct xml *, const char *path);

#endif
