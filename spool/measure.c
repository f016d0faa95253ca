/* SPDX-License-Identifier: ISC */
/* How long a message is for clients that know no UTF-8. */
#include "spool/measure.h"

#include "common/mime/surrogate.h"
#include "spool/fileio.h"

#include <errno.h>
#include <stdlib.h>

enum { WINDOW = 64 * 1024 };

struct measure {
	struct surrogate *surrogate;
	struct mbox_decoder decoder;
	uint64_t octets;
	bool begins, open; /* the next piece begins a line; it has not ended */
	char window[WINDOW];
};

static void
count(struct measure *m, const char *text, size_t len)
{
	const char *piece;
	size_t n;

	surrogate_feed(m->surrogate, text, len);
	while (surrogate_next(m->surrogate, &piece, &n)) {
		m->octets += n;
	}
}

/* The lines of a window; how many octets of it. */
static size_t
count_lines(struct measure *m, size_t len, bool last)
{
	struct mbox_line line;
	size_t done = 0;

	while (mbox_next_line(m->window + done, len - done, last,
	    done > 0 || len < WINDOW, m->begins, &line)) {
		done += line.size;
		m->begins = line.ends;
		if (mbox_decode(&m->decoder, &line)) {
			count(m, line.text, line.len);
			count(m, "\r\n", line.ends ? 2 : 0);
			m->open = !line.ends;
		}
	}
	return done;
}

static int
count_message(struct measure *m, int fd, const struct message *message)
{
	int64_t at = message->text;

	m->begins = true;
	while (at < message->end) {
		int64_t rest = message->end - at;
		size_t len = rest < WINDOW ? (size_t)rest : WINDOW;
		if (file_read(fd, m->window, len, at) == -1) {
			return -1;
		}
		at += (int64_t)count_lines(m, len, (int64_t)len == rest);
	}
	count(m, "\r\n", m->open ? 2 : 0); /* it ends when it is sent */
	surrogate_finish(m->surrogate);
	count(m, NULL, 0);
	return 0;
}

int
measure_message(int fd, struct message *message)
{
	struct measure *m = calloc(1, sizeof(*m));
	int result = -1;

	if (m != NULL && (m->surrogate = surrogate_open()) != NULL) {
		result = count_message(m, fd, message);
		if (m->surrogate->failed) {
			errno = ENOMEM;
			result = -1;
		}
	}
	if (result == 0) {
		message->raw = m->surrogate->changed;
		message->ascii = m->octets;
	}
	int saved = errno;
	surrogate_close(m == NULL ? NULL : m->surrogate);
	free(m);
	errno = saved;
	return result;
}
