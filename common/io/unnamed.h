/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_IO_UNNAMED_H
#define RESTANTE_COMMON_IO_UNNAMED_H

/*
 * A file in the directory that nobody can see, to read and write; where the
 * file system has none without names, it had one for a moment.  -1: errno.
 */
int unnamed_file(const char *directory);

#endif
