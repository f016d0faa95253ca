/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_TEXT_HTTP_H
#define RESTANTE_COMMON_TEXT_HTTP_H

#include "common/text/bytes.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * The answer to a GET by HTTP/1.1 with "Connection: close" (RFC 9112), for
 * small texts.  Redirections, encodings but chunked, and compression are not
 * for us.  Pure.
 */

enum { HTTP_HEAD = 8 * 1024 }; /* octets that the fields may have */

enum http_read {
	HTTP_MORE, /* as far as it has come it is good */
	HTTP_DONE,
	HTTP_BAD, /* malformed, or longer than fits */
};

struct http_answer {
	unsigned status;  /* 200 */
	struct span type; /* of Content-Type, without parameters; in the text */
	size_t len;       /* octets of the body */
};

/*
 * Reads an answer of which that much has come; closed: no more will.  The body
 * is written to body, at most size octets.
 */
enum http_read http_read(struct span text, bool closed, struct http_answer *,
    char *body, size_t size);

#endif
