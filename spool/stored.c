/* SPDX-License-Identifier: ISC */
/* Decodes messages of other servers' files, and encodes them as ours. */
#include "spool/stored.h"

#include "common/io/file.h"
#include "common/io/file_writer.h"
#include "spool/mbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { WINDOW = 256 * 1024 };

/* ---- reading ---- */

/* Gives out the lines of a window; false: that was enough. */
static bool
give_lines(struct mbox_window *w, mailbox_line *give, void *context)
{
	struct mbox_line line;

	while (mbox_next_line(w, &line)) {
		if (!give(context, &line)) {
			return false;
		}
	}
	return w->done > 0;
}

int
stored_lines(
    int fd, int64_t from, int64_t to, mailbox_line *give, void *context)
{
	char *window = malloc(WINDOW);
	struct mbox_window w = { .data = window, .begins = true };
	int result = window == NULL ? -1 : 0;

	while (result == 0 && from < to) {
		w.len = to - from < WINDOW ? (size_t)(to - from) : WINDOW;
		w.last = from + (int64_t)w.len == to;
		w.full = w.len == WINDOW;
		w.done = 0;
		result = file_read(fd, window, w.len, from);
		if (result == 0 && !give_lines(&w, give, context)) {
			break;
		}
		from += (int64_t)w.done;
	}
	int saved = errno;
	free(window);
	errno = saved;
	return result;
}

/* ---- writing ---- */

struct writer {
	const struct stored_source *source;
	struct mbox_decoder decoder;
	struct mbox_encoder encoder;
	bool first; /* no line has come yet */
	bool body;  /* the header section is over */
	bool keep;  /* the field under way is a mail reader's */
	bool open;  /* the last line has not ended */
	bool cr;    /* and its last octet is a CR of its own */
	struct file_writer out;
};

static void
put(void *context, const char *data, size_t len)
{
	struct writer *w = context;

	file_writer_put(&w->out, data, len);
}

/* True if a header line is one of the fields that mail readers keep. */
static bool
is_readers(const struct mbox_line *line)
{
	static const char *const names[] = {
		"Status:", "X-Status:", "X-Keywords:"
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t n = strlen(names[i]);
		if (line->len >= n &&
		    strncasecmp(line->text, names[i], n) == 0) {
			return true;
		}
	}
	return false;
}

/* A line of an mbox: what it stands for, or false if for nothing. */
static bool
decode(struct writer *w, struct mbox_line *line)
{
	struct mbox_line same = *line;
	bool header = !w->decoder.body;

	if (header && line->begins &&
	    (line->len == 0 ||
		(line->text[0] != ' ' && line->text[0] != '\t'))) {
		w->keep = is_readers(line);
	}
	bool shown = mbox_decode(&w->decoder, line);
	if (header && w->keep) {
		put(w, same.text, same.len);
		put(w, "\n", same.ends);
		w->open = !same.ends;
		return false;
	}
	if (!w->source->quoted) {
		same.text = header ? line->text : same.text;
		same.len = header ? line->len : same.len;
		*line = same;
	}
	return shown;
}

/* After a CR of the line's own, a lone LF would take it away. */
static const char *
line_end(bool cr)
{
	return cr ? "\r\n" : "\n";
}

static bool
ends_in_cr(const struct mbox_line *line)
{
	return line->len > 0 && line->text[line->len - 1] == '\r';
}

static void
close_line(struct writer *w)
{
	if (w->open) {
		put(w, line_end(w->cr), strlen(line_end(w->cr)));
		w->open = false;
	}
}

/*
 * Our fields come last in the header section: before a line that begins with a
 * blank they would make it a part of them.
 */
static void
end_header(struct writer *w)
{
	if (!w->body) {
		close_line(w);
		put(w, w->source->fields, strlen(w->source->fields));
		w->body = true;
	}
}

/* Every piece is long enough for the encoder, or whole. */
static bool
take(void *context, const struct mbox_line *piece)
{
	struct writer *w = context;
	struct mbox_line line = *piece;
	/* Some deliver into a Maildir with what is a line of an mbox. */
	bool odd = w->first && !w->source->mbox && mbox_is_from(&line, true);

	w->first = false;
	if (odd || (w->source->mbox && !decode(w, &line))) {
		return w->out.error == 0;
	}
	if (line.begins && line.ends && line.len == 0) {
		end_header(w);
	}
	(void)mbox_encode(&w->encoder, line.text, line.len, true, put, w);
	if (line.ends) {
		const char *end = line_end(ends_in_cr(&line));
		(void)mbox_encode(&w->encoder, end, strlen(end), true, put, w);
	}
	w->cr = ends_in_cr(&line);
	w->open = !line.ends;
	return w->out.error == 0;
}

int
stored_write(
    const struct stored_source *s, int out, off_t at, struct message *m)
{
	struct writer *w = malloc(sizeof(*w));

	if (w == NULL) {
		return -1;
	}
	memset(w, 0, offsetof(struct writer, out));
	file_writer_begin(&w->out, out, at);
	w->source = s;
	w->first = true;
	put(w, s->from_line, strlen(s->from_line));
	*m = (struct message){ .start = at, .text = at + (int64_t)w->out.len };
	int result = stored_lines(s->fd, s->from, s->to, take, w);
	end_header(w);
	close_line(w);
	int saved = errno;
	if (file_writer_end(&w->out) == -1) {
		result = -1;
		saved = errno;
	}
	m->end = m->next = w->out.at;
	free(w);
	errno = saved;
	return result;
}
