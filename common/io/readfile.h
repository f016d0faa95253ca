/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_IO_READFILE_H
#define RESTANTE_COMMON_IO_READFILE_H

#include <stddef.h>
#include <sys/types.h>

/* Reads up to size octets, as many as there are; how many, -1: errno. */
ssize_t readfile_all(int fd, char *data, size_t size)
    __attribute__((warn_unused_result));

#endif
