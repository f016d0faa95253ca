/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_IO_NOTES_FILE_H
#define RESTANTE_COMMON_IO_NOTES_FILE_H

#include "common/config/config.h"

/*
 * Files of notes for reports, STATE/reports/dmarc.YYYYMMDD and tls.YYYYMMDD:
 * one of each kind for each day, UTC.  common/text/note.h knows their lines.
 */

#define NOTES_FOLDER "reports"
#define NOTES_DMARC "dmarc."
#define NOTES_TLS "tls."

enum { NOTES_MOST = 4 * 1024 * 1024 }; /* octets of a day */

/*
 * Opens today's file of a kind, to append to it; makes it and its folder.  -1:
 * nothing is to be added, because no reports are sent, because what a flood
 * brings is not all reported, or because it cannot be opened.
 */
int notes_file_open(const struct config *, const char *kind)
    __attribute__((warn_unused_result));

#endif
