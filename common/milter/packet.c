/* SPDX-License-Identifier: ISC */
/* See the header. */
#include "common/milter/packet.h"

#include <string.h>

enum { NUMBER = 4 };

uint32_t
packet_number_at(const char *octets)
{
	uint32_t n = 0;

	for (int i = 0; i < NUMBER; i++) {
		n = n << 8 | (unsigned char)octets[i];
	}
	return n;
}

enum packet_read
packet_read(const char *octets, size_t len, struct packet *p, size_t *used)
{
	if (len < NUMBER) {
		return PACKET_MORE;
	}
	uint32_t size = packet_number_at(octets);
	if (size == 0 || size > PACKET_MOST + 1) {
		return PACKET_BAD;
	}
	if (len - NUMBER < size) {
		return PACKET_MORE;
	}
	p->command = octets[NUMBER];
	p->data = octets + PACKET_HEAD;
	p->len = size - 1;
	*used = NUMBER + size;
	return PACKET_OK;
}

bool
packet_next_string(const char **at, const char *end, struct span *s)
{
	const char *nul =
	    *at == end ? NULL : memchr(*at, '\0', (size_t)(end - *at));

	if (nul == NULL) {
		return false;
	}
	*s = (struct span){ *at, (size_t)(nul - *at) };
	*at = nul + 1;
	return true;
}

void
packet_number(struct writer *w, uint32_t n)
{
	for (int shift = 24; shift >= 0; shift -= 8) {
		writer_octet(w, (char)(n >> shift & 0xff));
	}
}

void
packet_string(struct writer *w, const char *text)
{
	writer_add(w, text, strlen(text) + 1);
}

size_t
packet_begin(struct writer *w, char command)
{
	size_t begun = w->len;

	packet_number(w, 0);
	writer_octet(w, command);
	return begun;
}

void
packet_end(struct writer *w, size_t begun)
{
	if (!w->full) {
		struct writer length = { .out = w->out + begun,
			.size = NUMBER + 1 };
		packet_number(&length, (uint32_t)(w->len - begun - NUMBER));
	}
}

void
packet_write(struct writer *w, char command, const char *data, size_t len)
{
	size_t begun = packet_begin(w, command);

	writer_add(w, data, len);
	packet_end(w, begun);
}
