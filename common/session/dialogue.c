/* SPDX-License-Identifier: ISC */
/* See the header. */
#include "common/session/dialogue.h"

#include <string.h>
#include <strings.h>

bool
dialogue_is_flood(const struct stream *stream)
{
	return stream_received(stream) > DIALOGUE_BEFORE_LOGIN;
}

static enum line
read_line(const struct dialogue *d, struct session *s, struct stream *stream,
    char line[DIALOGUE_LINE], size_t *len)
{
	line[0] = '\0'; /* not every bad line comes */
	if (d->at_rest != NULL) {
		stream_interruptible(stream, d->at_rest(s));
	}
	enum line got = stream_getline(stream, line, DIALOGUE_LINE, len);
	if (d->at_rest != NULL) {
		stream_interruptible(stream, false);
	}
	bool is_auth = got == LINE_OK && strncasecmp(line, "AUTH ", 5) == 0;
	size_t longest = is_auth ? d->longest_auth : d->longest;
	return got == LINE_OK && *len > longest ? LINE_LONG : got;
}

static enum next
run_line(const struct dialogue *d, struct session *s, char *line)
{
	for (size_t i = 0; d->checks[i] != NULL; i++) {
		enum line_check found = d->checks[i](s, line);
		if (found != CHECK_PASSED) {
			return found == CHECK_FATAL ? NEXT_END : NEXT_COMMAND;
		}
	}
	enum next next =
	    command_run(d->commands, d->state(s), s, line, d->refuse);
	if (d->after != NULL) {
		d->after(s);
	}
	return next;
}

static enum next
one_command(const struct dialogue *d, struct session *s, struct stream *stream)
{
	static char line[DIALOGUE_LINE]; /* on the stack it costs pages */
	size_t len;

	enum line got = read_line(d, s, stream, line, &len);
	if (got != LINE_OK) {
		return d->bad_line(s, got, line);
	}
	enum next next = run_line(d, s, line);
	explicit_bzero(line, len);
	return next;
}

static bool
is_excessive(const struct dialogue *d, const struct session *s,
    const struct stream *stream, const struct dialogue_counts *counts,
    enum excess *what)
{
	if (counts->errors >= DIALOGUE_ERRORS) {
		*what = EXCESS_ERRORS;
		return true;
	}
	if (d->must_log_in(s) && dialogue_is_flood(stream)) {
		*what = EXCESS_OCTETS;
		return true;
	}
	*what = EXCESS_COMMANDS;
	return d->must_progress(s) && counts->idle >= DIALOGUE_IDLE;
}

void
dialogue_run(const struct dialogue *d, struct session *s, struct stream *stream,
    struct dialogue_counts *counts)
{
	enum next next = NEXT_COMMAND;
	enum excess what;

	while (next == NEXT_COMMAND) {
		if (is_excessive(d, s, stream, counts, &what)) {
			d->excess(s, what);
			break;
		}
		unsigned before = counts->errors;
		counts->progress = false;
		next = one_command(d, s, stream);
		if (counts->errors == before && d->forgives != NULL &&
		    d->forgives(s)) {
			counts->errors = 0;
		}
		counts->idle += !counts->progress;
	}
	stream_flush(stream);
}
