/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_POP3D_ADMIN_IMPORT_PRIVATE_H
#define RESTANTE_POP3D_ADMIN_IMPORT_PRIVATE_H

#include "common/config/config.h"
#include "spool/intake.h"
#include "spool/stored.h"
#include "spool/uidl_list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* ---- the UIDLs of the other server: import_uidls.c ---- */

struct import_uidls;

/*
 * Reads a list.  NULL with errno; EILSEQ: it has no UIDL.  skipped: lines that
 * are no UIDLs, or the same as another.
 */
struct import_uidls *import_uidls_read(
    int fd, const char *format, size_t *skipped);
void import_uidls_free(struct import_uidls *);

enum uidl_list_kind import_uidls_kind(const struct import_uidls *);
/* The highest number. */
uint32_t import_uidls_last(const struct import_uidls *);

/* The UIDL of a message; NULL: there is none. */
const char *import_uidls_of_number(const struct import_uidls *, uint32_t);
const char *import_uidls_of_file(
    const struct import_uidls *, const char *name, size_t len);
/* The number of a file in the list; UINT32_MAX: it is not there. */
uint32_t import_uidls_number(
    const struct import_uidls *, const char *name, size_t len);

/* ---- what a restore says, too: import.c ---- */

/* Says why a message could not be added.  An exit status. */
int import_failed(const struct store *, int error);

/* Prints how many there were. */
void import_report(const struct intake *, const char *done);

/* True if the file is the mailbox itself; then it says so. */
bool import_is_mailbox(int fd, const struct store *);

/* ---- an import under way ---- */

struct import {
	const struct config *config;
	const char *path; /* as it was named */
	int source;
	const char *list_path; /* or NULL */
	int list;
	bool names; /* the names of the files are the UIDLs */
	const char *format;
	/* As the owner: */
	struct import_uidls *uidls; /* or NULL */
	struct intake *intake;
	int stored; /* messages on their way to the mailbox, without a name */
	off_t at;   /* in it */
	size_t noted;
};

/*
 * Adds a message (whose fields are left out), with its UIDL or NULL; flags are
 * fields of mail readers.  0, or -1 with errno.
 */
int import_message(struct import *, struct stored_source *, const char *flags,
    const char *uidl) __attribute__((warn_unused_result));

/* Import all messages of the source.  An exit status. */
int import_mbox(struct import *, const struct store *);
int import_maildir(struct import *, const struct store *);

#endif
