/* SPDX-License-Identifier: ISC */
/* Sends a letter, with a part of text and one of HTML. */
#include "smtpd/admin/letter_private.h"

#include "common/log/log.h"
#include "smtpd/send/compose.h"
#include "smtpd/send/submit.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* Prints a part into a file without a name, and takes it as a source. */
static int
make_part(struct source *s, const struct letter *l,
    void (*print)(const struct letter *, FILE *))
{
	int fd = source_scratch();
	int copy = fd == -1 ? -1 : dup(fd);
	FILE *out = copy == -1 ? NULL : fdopen(copy, "w");
	int status = EX_OSERR;

	if (out != NULL) {
		print(l, out);
		bool good = ferror(out) == 0;
		if (fclose(out) == 0 && good && lseek(fd, 0, SEEK_SET) == 0) {
			status = source_copy(s, fd, "the letter");
		}
	} else if (copy != -1) {
		close(copy);
	}
	if (fd != -1) {
		close(fd);
	}
	return status;
}

/* Composes it into a file without a name; -1: status says why. */
static int
compose(const struct letter *l, char *const *recipients, int *status)
{
	char verdict[LETTER_LABEL], subject[LETTER_LABEL + CONFIG_NAME + 4];
	struct compose c = { .subject = subject,
		.recipients = recipients,
		.host = l->config->hostname,
		.automatic = true,
		.text.source.fd = -1,
		.html.source.fd = -1 };
	int fd = source_scratch();
	int copy = fd == -1 ? -1 : dup(fd);
	FILE *out = copy == -1 ? NULL : fdopen(copy, "w");

	letter_verdict(l, verdict);
	snprintf(
	    subject, sizeof(subject), "%s: %s", l->config->hostname, verdict);
	*status = out == NULL ? EX_OSERR : EX_OK;
	if (*status == EX_OK) {
		*status = make_part(&c.text.source, l, letter_print_text);
	}
	if (*status == EX_OK) {
		*status = make_part(&c.html.source, l, letter_print_html);
	}
	if (*status == EX_OK) {
		*status = compose_message(&c, out);
	}
	if (out != NULL) {
		fclose(out);
	}
	source_close(&c.text.source);
	source_close(&c.html.source);
	if (*status == EX_OK && lseek(fd, 0, SEEK_SET) == -1) {
		*status = EX_OSERR;
	}
	return fd;
}

int
letter_send(
    const struct letter *l, const struct service *service, const char *to)
{
	char address[CONFIG_NAME];
	char *recipients[] = { address, NULL };
	struct options o = { .dot_is_text = true, .recipients = recipients };
	struct reserve reserve;
	int status;

	if (strlcpy(address, to, sizeof(address)) >= sizeof(address)) {
		log_error("the address for the letter is too long");
		return EX_USAGE;
	}
	int fd = compose(l, recipients, &status);
	if (status == EX_OK) {
		reserve_begin(&reserve, service, l->config);
		status = submit_begun(&reserve, &o, fd);
		reserve_end(&reserve);
	} else {
		log_error("the letter cannot be composed: %s", strerror(errno));
	}
	if (fd != -1) {
		close(fd);
	}
	return status;
}
