/* SPDX-License-Identifier: ISC */
/* "SECONDS PROTOCOL ADDRESS", of one length, so that one write replaces it. */
#include "common/login/last_login.h"

#include "common/io/owned.h"
#include "common/log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { DIGITS = 12 };

void
last_login_format(const struct last_login *l, char line[LAST_LOGIN_LINE])
{
	char text[LAST_LOGIN_LINE];

	int n = snprintf(text, sizeof(text), "%012llu %s %s",
	    (unsigned long long)l->when % 1000000000000, l->protocol,
	    l->address);
	size_t len = n < LAST_LOGIN_LINE ? (size_t)n : LAST_LOGIN_LINE - 1;
	memset(line, ' ', LAST_LOGIN_LINE);
	memcpy(line, text, len);
	line[LAST_LOGIN_LINE - 1] = '\n';
}

/* Takes the next word, of visible ASCII; false: none, or too long. */
static bool
next_word(const char **p, char *to, size_t size)
{
	size_t n = 0;

	while ((*p)[n] > ' ' && (*p)[n] < 0x7f) {
		n++;
	}
	if (n == 0 || n >= size) {
		return false;
	}
	memcpy(to, *p, n);
	to[n] = '\0';
	*p += n;
	return true;
}

bool
last_login_parse(const char line[LAST_LOGIN_LINE], struct last_login *l)
{
	char text[LAST_LOGIN_LINE];
	const char *p = text + DIGITS;

	memcpy(text, line, sizeof(text));
	if (text[LAST_LOGIN_LINE - 1] != '\n' ||
	    strspn(text, "0123456789") != DIGITS) {
		return false;
	}
	text[LAST_LOGIN_LINE - 1] = '\0';
	l->when = 0;
	for (size_t i = 0; i < DIGITS; i++) {
		l->when = l->when * 10 + (text[i] - '0');
	}
	return *p++ == ' ' && next_word(&p, l->protocol, sizeof(l->protocol)) &&
	       *p++ == ' ' && next_word(&p, l->address, sizeof(l->address)) &&
	       p[strspn(p, " ")] == '\0';
}

int
last_login_read(
    const char *directory, const char *name, struct last_login *login)
{
	char line[LAST_LOGIN_LINE];
	int fd = owned_open_at(directory, name, O_RDONLY);

	if (fd == -1) {
		return -1;
	}
	ssize_t n = pread(fd, line, sizeof(line), 0);
	close(fd);
	if (n != (ssize_t)sizeof(line) || !last_login_parse(line, login)) {
		errno = EINVAL;
		return -1;
	}
	return 0;
}

static int
last_login_write(
    const char *directory, const char *name, const struct last_login *login)
{
	char line[LAST_LOGIN_LINE];
	int fd = owned_open_at(directory, name, O_WRONLY | O_CREAT);

	if (fd == -1) {
		return -1;
	}
	last_login_format(login, line);
	ssize_t n = pwrite(fd, line, sizeof(line), 0);
	int saved = n == -1 ? errno : EIO;
	close(fd);
	errno = saved;
	return n == (ssize_t)sizeof(line) ? 0 : -1;
}

void
last_login_note(
    const char *directory, const char *name, const char *address, bool tls)
{
	struct last_login l = { .when = time(NULL) };
	char why[OWNED_TEXT];

	snprintf(l.protocol, sizeof(l.protocol), "%s%s", strrchr(name, '.') + 1,
	    tls ? "s" : "");
	strlcpy(l.address, address[0] == '\0' ? "unknown" : address,
	    sizeof(l.address));
	if (last_login_write(directory, name, &l) == -1) {
		owned_why(directory, name, why);
		log_error("no login is noted: %s", why);
	}
}
