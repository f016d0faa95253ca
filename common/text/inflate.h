/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_TEXT_INFLATE_H
#define RESTANTE_COMMON_TEXT_INFLATE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Unpacks gzip (RFC 1952), zip, and what both are made of, DEFLATE (RFC 1951):
 * pure, into memory of a fixed size, linear in what is read and written.  Sums
 * and sizes are compared: what is damaged anywhere is damaged.
 */

enum inflate_result {
	INFLATE_OK,
	INFLATE_DAMAGED,
	INFLATE_LARGE,   /* there is no room for all of it */
	INFLATE_UNKNOWN, /* encrypted, or packed in another way */
	INFLATE_NONE,    /* zip: there is no such file */
};

/* *written octets are in out, whatever the result.  *used, if it is not NULL,
   were read: the data may be followed by others. */
enum inflate_result inflate_raw(const uint8_t *in, size_t len, uint8_t *out,
    size_t room, size_t *written, size_t *used);

/* All members, one after the other. */
enum inflate_result inflate_gzip(
    const uint8_t *in, size_t len, uint8_t *out, size_t room, size_t *written);

/* The file of that number, from 0 on, in the order of the directory. */
enum inflate_result inflate_zip(const uint8_t *in, size_t len, size_t number,
    uint8_t *out, size_t room, size_t *written);

/* The sum that both have (ISO 3309). */
uint32_t inflate_crc(const uint8_t *data, size_t len);

#endif
