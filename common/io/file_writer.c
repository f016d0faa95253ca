/* SPDX-License-Identifier: ISC */
/* Writes files by large pieces.  See file_writer.h. */
#include "common/io/file_writer.h"

#include "common/io/file.h"

#include <errno.h>
#include <string.h>

void
file_writer_begin(struct file_writer *w, int fd, off_t at)
{
	w->fd = fd;
	w->at = at;
	w->error = 0;
	w->len = 0; /* the pages of the buffer are touched when used */
}

static void
flush(struct file_writer *w)
{
	if (w->error == 0 && w->len > 0 &&
	    file_write(w->fd, w->buffer, w->len, w->at) == -1) {
		w->error = errno;
	}
	w->at += (off_t)w->len;
	w->len = 0;
}

void
file_writer_put(struct file_writer *w, const void *data, size_t len)
{
	const char *from = data;

	while (len > 0) {
		size_t room = sizeof(w->buffer) - w->len;
		size_t n = len < room ? len : room;
		memcpy(w->buffer + w->len, from, n);
		w->len += n;
		from += n;
		len -= n;
		if (w->len == sizeof(w->buffer)) {
			flush(w);
		}
	}
}

int
file_writer_end(struct file_writer *w)
{
	flush(w);
	errno = w->error;
	return w->error == 0 ? 0 : -1;
}
