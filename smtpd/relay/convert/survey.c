/* SPDX-License-Identifier: ISC */
/* The first look at a message: octets beyond ASCII, and long lines. */
#include "smtpd/relay/convert/survey.h"

#include "common/text/transfer.h"

#include <stdint.h>
#include <string.h>

enum { WHOLE = TRANSFER_LINE + 2 }; /* with its line end */

static bool
is_eight_bit(const char *data, size_t len)
{
	static const uint64_t high = 0x8080808080808080u;
	uint64_t seen[4], all = 0;

	while (len >= sizeof(seen)) {
		memcpy(seen, data, sizeof(seen));
		all |= seen[0] | seen[1] | seen[2] | seen[3];
		data += sizeof(seen);
		len -= sizeof(seen);
	}
	for (; len > 0; len--) {
		all |= (unsigned char)*data++;
	}
	return (all & high) != 0;
}

/*
 * From the last line end within reach on to the next: whatever lines there are
 * in between are short.
 */
static void
measure_lines(struct survey *s, const char *data, size_t len)
{
	while (!s->long_line && s->line + len > WHOLE) {
		size_t reach = s->line < WHOLE ? WHOLE - s->line : 0;
		const char *lf = memrchr(data, '\n', reach);
		if (lf == NULL) {
			s->long_line = true;
			return;
		}
		len -= (size_t)(lf + 1 - data);
		data = lf + 1;
		s->line = 0;
	}
	const char *lf = memrchr(data, '\n', len);
	s->line = lf == NULL ? s->line + len : len - (size_t)(lf + 1 - data);
}

void
survey_feed(struct survey *s, const char *data, size_t len)
{
	s->eight_bit = s->eight_bit || is_eight_bit(data, len);
	measure_lines(s, data, len);
}
