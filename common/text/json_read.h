/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_TEXT_JSON_READ_H
#define RESTANTE_COMMON_TEXT_JSON_READ_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Reads JSON (RFC 8259) value by value.  Pure, without allocation, linear in
 * time.  What a value is called is a path: the keys that lead to it, "" for
 * the place in an array.
 */

enum {
	JSON_DEPTH = 16,
	JSON_NAME = 64,  /* longer keys are no ones that we know: cut */
	JSON_TEXT = 512, /* longer texts are cut */
};

enum json_event {
	JSON_OPEN,  /* an object or an array begins: names[depth - 1] */
	JSON_CLOSE, /* the same one ends */
	JSON_VALUE, /* a text, a number, true, false or null: text */
	JSON_DONE,
	JSON_WRONG, /* why says what is wrong */
};

/* Begins with at and end set. */
struct json {
	const char *at, *end;
	unsigned depth; /* of names, that of the event included */
	char names[JSON_DEPTH][JSON_NAME];
	char text[JSON_TEXT]; /* with NUL; what is not ASCII is "?" */
	const char *why;

	bool object[JSON_DEPTH]; /* else an array */
	bool begun, first;       /* first: nothing yet in what is open */
	bool leaf, closed;       /* the event before: its name goes */
};

enum json_event json_next(struct json *);

/* True if the path is that, the outermost first: "a//b" for {"a":[{"b":1}]}. */
bool json_is(const struct json *, const char *path);

#endif
