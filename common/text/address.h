/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_TEXT_ADDRESS_H
#define RESTANTE_COMMON_TEXT_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

/* Mail addresses as SMTP writes them (RFC 5321 section 4.1.2).  Pure. */

enum {
	ADDRESS_LOCAL = 64,   /* local part of a recipient, 4.5.3.1.1 */
	ADDRESS_DOMAIN = 255, /* 4.5.3.1.2 */
	ADDRESS_PATH = 256,   /* with the brackets, 4.5.3.1.3 */
};

/*
 * local is in its wire form (with its quotes, if any); longer ones than
 * ADDRESS_LOCAL are let through for senders, whose mailing lists put whole
 * addresses there.  domain has no trailing dot and may be empty.  Both empty:
 * the null path.
 */
struct address {
	char local[ADDRESS_PATH + 1];
	char domain[ADDRESS_DOMAIN + 1];
};

enum path {
	PATH_OK,
	PATH_SYNTAX,
	PATH_LONG,
	PATH_8BIT,  /* not ASCII, and SMTPUTF8 was not asked for */
	PATH_LATER, /* its domain cannot be mapped now */
};

/*
 * Reads the path at the start of text ("<a@b>", "<>", a source route before
 * the address is dropped), liberal about blanks before it and missing
 * brackets; *rest is what follows.
 */
enum path address_path(const char *text, struct address *, const char **rest);

/*
 * Reads a path with SMTPUTF8 (RFC 6531): the local part may hold UTF-8, but no
 * control characters; a domain outside ASCII comes out as the DNS has it
 * (xn--..., common/text/idna.h).  PATH_8BIT: what is not ASCII is not UTF-8
 * either.
 */
enum path address_path_utf8(
    const char *text, struct address *, const char **rest);

/* True if what was read, from text to rest, needs no SMTPUTF8. */
bool address_is_ascii(const char *text, const char *rest);

/* True if the path is "<>". */
bool address_is_null(const struct address *);

/* True if domain is a host name as RFC 5321 has it, underscores tolerated. */
bool address_is_domain(const char *domain);

/* A local part without its quotes; false: malformed, or it does not fit. */
bool address_unquote(const char *local, char *out, size_t size);

/* True if a bare local part asks us to send it on: user%there, there!user. */
bool address_is_routed(const char *local);

/* "local@domain", or "local" without a domain; cut off if it does not fit. */
const char *address_text(const struct address *, char *buf, size_t size);

enum { ADDRESS_TEXT = ADDRESS_PATH + 1 + ADDRESS_DOMAIN + 1 };

#endif
