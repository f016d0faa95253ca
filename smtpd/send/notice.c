/* SPDX-License-Identifier: ISC */
/* Notices: the options, and how a message is made of them. */
#include "smtpd/send/notice.h"

#include "common/log/log.h"
#include "smtpd/options.h"
#include "smtpd/send/compose.h"
#include "smtpd/send/dedupe.h"
#include "smtpd/send/submit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static int64_t
unit_seconds(char unit)
{
	switch (unit) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 60 * 60;
	case 'd':
		return 24 * 60 * 60;
	default:
		return 0;
	}
}

bool
period_parse(const char *text, int64_t *seconds)
{
	int64_t sum = 0;

	while (*text != '\0') {
		int64_t number = 0;
		if (*text < '0' || *text > '9') {
			return false;
		}
		for (; *text >= '0' && *text <= '9'; text++) {
			number = number * 10 + (*text - '0');
			if (number > PERIOD_MAX) {
				return false;
			}
		}
		int64_t unit = unit_seconds(*text);
		if (unit == 0) {
			return false;
		}
		sum += number * unit;
		if (sum > PERIOD_MAX) {
			return false;
		}
		text++;
	}
	*seconds = sum;
	return sum > 0;
}

static int
add_file(
    struct notice *n, const char *path, bool shown, char error[CONFIG_ERROR])
{
	if (n->nfiles == NOTICE_FILES) {
		snprintf(error, CONFIG_ERROR,
		    "at most %d files go into a mail: put them into an archive",
		    NOTICE_FILES);
		return -1;
	}
	n->files[n->nfiles].path = path;
	n->files[n->nfiles++].shown = shown;
	return 0;
}

int
notice_option(struct notice *n, const char *option, const char *value,
    char error[CONFIG_ERROR])
{
	n->wanted = true;
	if (strcmp(option, "s") == 0) {
		n->subject = value;
	} else if (strcmp(option, "a") == 0) {
		return add_file(n, value, false, error);
	} else if (strcmp(option, "inline") == 0) {
		return add_file(n, value, true, error);
	} else if (strcmp(option, "html") == 0) {
		n->html = value;
	} else if (strcmp(option, "dedupe") == 0) {
		n->key = value;
	} else if (!period_parse(value, &n->period)) {
		snprintf(error, CONFIG_ERROR,
		    "--every takes a period such as 15m, 1h or 2d, not %s",
		    value);
		return -1;
	}
	return 0;
}

/* ---- from stdin and files to a message, and that on its way ---- */

enum { HOUR = 60 * 60 };

struct sending {
	struct dedupe dedupe;
	struct compose compose;
	struct part parts[NOTICE_FILES];
	int message; /* as it is composed, or -1 */
	struct reserve reserve;
};

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

static int
open_files(const struct notice *n, struct compose *c)
{
	for (size_t i = 0; i < n->nfiles; i++) {
		struct part *p = &c->parts[c->nparts++];
		p->name = base_name(n->files[i].path);
		p->shown = n->files[i].shown;
		int status = source_open(&p->source, n->files[i].path);
		if (status != EX_OK) {
			return status;
		}
	}
	return EX_OK;
}

/* A copy, whatever it is: it will be added to, and changed. */
static int
open_html(const char *path, struct source *html)
{
	struct source file;
	int status = source_open(&file, path);

	if (status == EX_OK) {
		status = source_copy(html, file.fd, path);
	}
	source_close(&file);
	return status;
}

static int
read_text(struct source *text)
{
	if (isatty(STDIN_FILENO) == 1) {
		fputs("Type the text; it ends with Control-D at the start of a "
		      "line.\n",
		    stderr);
	}
	return source_copy(text, STDIN_FILENO, "standard input");
}

static int
add_note(struct sending *s)
{
	char note[DEDUPE_NOTE], text[DEDUPE_NOTE + 16];
	struct compose *c = &s->compose;
	bool html = c->html.source.fd != -1;

	dedupe_note(&s->dedupe, note);
	if (*note == '\0') {
		return EX_OK;
	}
	int status = EX_OK;
	if (!html || c->text.source.before.st_size > 0) {
		snprintf(text, sizeof(text), "\n%s\n", note);
		status = source_add(&c->text.source, text);
	}
	if (html && status == EX_OK) {
		snprintf(text, sizeof(text), "\n<p>%s</p>\n", note);
		status = source_add(&c->html.source, text);
	}
	return status;
}

/* Writes the message to a file without a name. */
static int
compose_to_file(struct sending *s)
{
	int copy = s->message == -1 ? -1 : dup(s->message);
	FILE *out = copy == -1 ? NULL : fdopen(copy, "w");
	int status = EX_OSERR;

	if (out != NULL) {
		status = compose_message(&s->compose, out);
		fclose(out);
	} else if (s->message != -1) {
		log_error("cannot open a second file: %s", strerror(errno));
	}
	if (status == EX_OK && lseek(s->message, 0, SEEK_SET) == -1) {
		log_error("cannot pass the message on: %s", strerror(errno));
		status = EX_OSERR;
	}
	return status;
}

static int
read_sources(const struct notice *n, struct compose *c)
{
	int status = open_files(n, c);

	if (status == EX_OK && n->html != NULL) {
		status = open_html(n->html, &c->html.source);
	}
	return status == EX_OK ? read_text(&c->text.source) : status;
}

/*
 * Reads what is to be sent, and opens all that will be written to; from there
 * on nothing else can be.
 */
static int
open_all(struct sending *s, const struct notice *n,
    const struct service *service, const struct config *config)
{
	/* The input may be slow, so no lock is held yet. */
	int status = read_sources(n, &s->compose);

	if (status == EX_OK && n->key != NULL) {
		status = dedupe_begin(&s->dedupe, config, n->key,
		    n->period > 0 ? n->period : HOUR);
	}
	if (status == EX_OK && s->dedupe.due) {
		s->message = source_scratch();
		reserve_begin(&s->reserve, service, config);
	}
	return status;
}

static int
compose_and_submit(struct sending *s, const struct options *o)
{
	int status = add_note(s);

	if (status == EX_OK) {
		status = compose_to_file(s);
	}
	if (status == EX_OK) {
		status = submit_begun(&s->reserve, o, s->message);
	}
	reserve_end(&s->reserve);
	return status;
}

static void
release_sending(struct sending *s)
{
	if (s->message != -1) {
		close(s->message);
	}
	source_close(&s->compose.text.source);
	source_close(&s->compose.html.source);
	for (size_t i = 0; i < s->compose.nparts; i++) {
		source_close(&s->compose.parts[i].source);
	}
	free(s);
}

int
notice_send(const struct service *service, const struct config *config,
    const struct options *o)
{
	struct sending *s = calloc(1, sizeof(*s));
	struct options composed = *o;

	if (s == NULL) {
		log_error("no memory left");
		return EX_OSERR;
	}
	composed.dot_is_text = true;
	s->message = -1;
	s->dedupe = (struct dedupe){ .fd = -1, .due = true };
	s->compose = (struct compose){ .subject = o->notice.subject,
		.recipients = o->recipients,
		.host = config->hostname,
		.automatic = o->notice.key != NULL || isatty(STDIN_FILENO) == 0,
		.text.source.fd = -1,
		.html.source.fd = -1,
		.parts = s->parts };
	int status = open_all(s, &o->notice, service, config);
	bool due = s->dedupe.due;
	if (status == EX_OK && due) {
		status = compose_and_submit(s, &composed);
	}
	dedupe_end(&s->dedupe, due && status == EX_OK);
	release_sending(s);
	return status;
}
