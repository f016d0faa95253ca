/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_MILTER_PACKET_H
#define RESTANTE_COMMON_MILTER_PACKET_H

#include "common/text/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The packets of the milter protocol: four octets for a length, high octets
 * first, which counts the command and the data; one octet for the command; the
 * data.  Pure.
 */

enum {
	PACKET_HEAD = 5,
	PACKET_MOST = 1024 * 1024, /* octets of data that we take */
	PACKET_SENT = 65535,       /* and of data that filters take */
};

struct packet {
	char command;
	const char *data;
	size_t len;
};

enum packet_read {
	PACKET_OK,
	PACKET_MORE, /* more octets are needed */
	PACKET_BAD,  /* empty, or too long */
};

/* Reads a packet at the start of len octets, into which it points; *used is its
   length. */
enum packet_read packet_read(
    const char *octets, size_t len, struct packet *, size_t *used);

/* The number at the start of four octets. */
uint32_t packet_number_at(const char *octets);

/* Takes the string at *at, which ends with NUL before end; *at is then after
   it.  false: there is none. */
bool packet_next_string(const char **at, const char *end, struct span *);

/* Writes a packet: begin, what it holds, end with what begin has returned. */
size_t packet_begin(struct writer *, char command);
void packet_number(struct writer *, uint32_t);
void packet_string(struct writer *, const char *text);
void packet_end(struct writer *, size_t begun);

/* Writes one that holds len octets. */
void packet_write(struct writer *, char command, const char *data, size_t len);

#endif
