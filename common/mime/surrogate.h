/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_MIME_SURROGATE_H
#define RESTANTE_COMMON_MIME_SURROGATE_H

#include "common/mime/multipart.h"
#include "common/text/output.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * A message with UTF-8 in its header sections, for clients that know only ASCII
 * there (RFC 6858): the fields change by field_surrogate(), those of its parts
 * too.  Bodies stay, and what is inside multipart/signed, and fields above
 * HEADER_KEPT octets.  One pass, bounded memory, no I/O.  Lines end in CR LF.
 */

struct surrogate {
	bool changed; /* some field was */
	bool failed;  /* no memory: something is missing */

	/* The rest is its own. */
	struct multipart walk;
	struct output field;
	char room[HEADER_KEPT];
};

/* Makes a surrogate, to be freed by surrogate_close(); NULL: no memory. */
struct surrogate *surrogate_open(void);
void surrogate_close(struct surrogate *);

/* The next octets, which stay until surrogate_next() says false. */
void surrogate_feed(struct surrogate *, const char *data, size_t len);

/* The message is over. */
void surrogate_finish(struct surrogate *);

/* The next piece of what is sent; false: all that was fed is done. */
bool surrogate_next(struct surrogate *, const char **text, size_t *len);

#endif
