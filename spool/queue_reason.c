/* SPDX-License-Identifier: ISC */
/*
 * reason/ID: a line for each recipient of whom something is known, with its
 * number (from 0), a blank and the text.  Nothing depends on it.
 */
#include "spool/queue_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A copy in one line, cut off. */
static char *
clean(const char *text, size_t len)
{
	char *copy = strndup(text, len < QUEUE_REASON ? len : QUEUE_REASON - 1);

	for (char *p = copy; p != NULL && *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;
		if (c < ' ' || c == 0x7f) {
			*p = ' ';
		}
	}
	return copy;
}

static void
replace(struct queue_file *f, size_t recipient, char *text)
{
	free(f->reasons[recipient]);
	f->reasons[recipient] = text;
}

static void
read_line(struct queue_file *f, char *line, size_t len)
{
	char *end;

	if (len > 0 && line[len - 1] == '\n') {
		line[--len] = '\0';
	}
	if (line[0] < '0' || line[0] > '9') {
		return;
	}
	unsigned long recipient = strtoul(line, &end, 10);
	if (*end == ' ' && recipient < f->mail.count) {
		end++;
		replace(f, recipient, clean(end, strlen(end)));
	}
}

/* Reads what there is, once. */
static void
load(struct queue_file *f)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t len;

	if (f->reasons != NULL || f->mail.count == 0) {
		return;
	}
	f->reasons = calloc(f->mail.count, sizeof(*f->reasons));
	int fd = f->reasons == NULL
	             ? -1
	             : openat(f->queue->reasons, f->id,
			   O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	FILE *file = fd == -1 ? NULL : fdopen(fd, "r");
	if (file == NULL) {
		if (fd != -1) {
			close(fd);
		}
		return;
	}
	while ((len = getline(&line, &room, file)) != -1) {
		read_line(f, line, (size_t)len);
	}
	free(line);
	fclose(file);
}

void
queue_set_reason(struct queue_file *f, size_t recipient, const char *text)
{
	load(f);
	if (f->reasons != NULL && recipient < f->mail.count) {
		replace(f, recipient, clean(text, strlen(text)));
		f->reasons_changed = true;
	}
}

void
queue_reason(struct queue_file *f, size_t recipient, char text[QUEUE_REASON])
{
	const char *reason = NULL;

	load(f);
	if (f->reasons != NULL && recipient < f->mail.count) {
		reason = f->reasons[recipient];
	}
	strlcpy(text, reason == NULL ? "" : reason, QUEUE_REASON);
}

/* Under another name first: who reads meanwhile sees the old ones or these. */
static void
save(const struct queue_file *f)
{
	char name[MAIL_ID + 16];
	int directory = f->queue->reasons;

	snprintf(name, sizeof(name), "%s%s", QUEUE_UNFINISHED, f->id);
	int fd = openat(directory, name,
	    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	FILE *file = fd == -1 ? NULL : fdopen(fd, "w");
	if (file == NULL) {
		if (fd != -1) {
			close(fd);
		}
		return;
	}
	for (size_t i = 0; i < f->mail.count; i++) {
		if (f->reasons[i] != NULL) {
			fprintf(file, "%zu %s\n", i, f->reasons[i]);
		}
	}
	bool bad = ferror(file) != 0;
	if (fclose(file) == EOF || bad ||
	    renameat(directory, name, directory, f->id) == -1) {
		unlinkat(directory, name, 0);
	}
}

void
queue_write_reasons(struct queue_file *f)
{
	if (f->reasons != NULL && f->reasons_changed) {
		save(f);
		f->reasons_changed = false;
	}
}

void
queue_end_reasons(struct queue_file *f)
{
	if (f->reasons == NULL) {
		return;
	}
	queue_write_reasons(f);
	for (size_t i = 0; i < f->mail.count; i++) {
		free(f->reasons[i]);
	}
	free(f->reasons);
	f->reasons = NULL;
}
