/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_TEXT_IDNA_H
#define RESTANTE_COMMON_TEXT_IDNA_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Domain names outside ASCII as the DNS has them: A-labels (RFC 5890), of which
 * capitals and compatibility forms are mapped first (UTS 46).  The tables for
 * that are libidn2's, by GnuTLS (common/tls/tls_idna.h).  Which processes have
 * them, or ask one that does, idna_use() says; the others encode what needs no
 * table, and refuse the rest.
 */

enum { IDNA_LABEL = 63 }; /* octets of an A-label */

enum idna {
	IDNA_OK,
	IDNA_NO,    /* not UTF-8, or characters that no name may have */
	IDNA_LONG,  /* it does not fit */
	IDNA_LATER, /* that cannot be found out now */
};

/*
 * Sets how this process, and those that it forks, map labels that are not all
 * ASCII; context is passed to map.  NULL: alone.
 */
void idna_use(enum idna (*map)(const void *context, const char *label,
		  size_t len, char out[IDNA_LABEL + 1]),
    const void *context);

/*
 * Writes the domain with A-labels; labels in ASCII stay as they are. Characters
 * that mapping would make vanish, or make dots, are refused: they are there to
 * mislead.
 */
enum idna idna_domain(const char *domain, size_t len, char *out, size_t size);

/* Does the same without tables, in any process; labels that need tables are
   refused. */
enum idna idna_domain_alone(
    const char *domain, size_t len, char *out, size_t size);

/* True if the octets can be an A-label, or another label in ASCII.  Pure. */
bool idna_is_ascii_label(const char *label, size_t len);

#endif
