/* SPDX-License-Identifier: ISC */
/* The memory of MTA-STS policies. */
#include "smtpd/agent/sts_file.h"

#include "common/io/file.h"
#include "common/io/statefile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* s until a web server that has failed is asked again (RFC 8461 section 3.3) */
enum { RETRY_LEAST = 300, RETRY_MORE = 3300 };

bool
sts_file_is_for(const char *domain)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

	return domain[0] != '\0' && domain[0] != '.' &&
	       strlen(domain) < NAME_MAX &&
	       domain[strspn(domain, good)] == '\0';
}

/* STATE/sts/DOMAIN in small letters; 0, or -1 with errno. */
static int
file_path(const struct config *config, const char *domain, char path[PATH_MAX])
{
	char name[NAME_MAX + 8] = "sts/";
	size_t n = strlen(name);

	if (!sts_file_is_for(domain)) {
		errno = EINVAL;
		return -1;
	}
	for (; *domain != '\0'; domain++) {
		name[n++] = (char)(*domain >= 'A' && *domain <= 'Z'
				       ? *domain - 'A' + 'a'
				       : *domain);
	}
	name[n] = '\0';
	return statefile_path(config, name, "", path);
}

void
sts_file_read(
    const struct config *config, const char *domain, struct sts_memory *m)
{
	char path[PATH_MAX];
	struct stat st;
	int fd = file_path(config, domain, path) == -1
	             ? -1
	             : statefile_open(path, O_RDONLY, &st);
	ssize_t n = fd == -1 ? -1 : file_read_all(fd, m->text, sizeof(m->text));

	if (fd != -1) {
		close(fd);
	}
	if (n == -1 ||
	    !sts_known_read((struct span){ m->text, (size_t)n }, &m->known)) {
		m->known = (struct sts_known){ .fetched = 0 };
	}
}

/* Writes a file that takes the place of the old one as a whole. */
static int
replace(
    const struct config *config, const char *path, const char *data, size_t len)
{
	char name[64], from[PATH_MAX];
	struct stat st;

	/* No other process that lives has that name. */
	snprintf(name, sizeof(name), "sts/.%ld", (long)getpid());
	if (statefile_path(config, name, "", from) == -1) {
		return -1;
	}
	int fd = statefile_open(from, O_WRONLY | O_CREAT, &st);
	if (fd == -1) {
		return -1;
	}
	int result = ftruncate(fd, 0) == -1 ||
	                     file_write(fd, data, len, 0) == -1 ||
	                     rename(from, path) == -1
	                 ? -1
	                 : 0;
	int error = errno;
	close(fd);
	if (result == -1) {
		(void)unlink(from);
	}
	errno = error;
	return result;
}

/* Makes the folder if it is missing. */
static int
make_folder(const struct config *config)
{
	char path[PATH_MAX];

	statefile_folder(config);
	return statefile_path(config, "sts", "", path) == 0 &&
	               (mkdir(path, 0700) == 0 || errno == EEXIST)
	           ? 0
	           : -1;
}

/* Fills in what an agent says; false: it is no policy. */
static bool
take_news(struct sts_known *k, const struct agent_news *news, uint64_t now)
{
	char record[STS_ID + 16];
	struct sts_policy policy;
	struct span text = { news->text, news->len };

	int n = snprintf(
	    record, sizeof(record), "v=STSv1;id=%.*s", STS_ID + 1, news->id);
	if (n < 0 || (size_t)n >= sizeof(record) ||
	    !sts_record_read((struct span){ record, (size_t)n }, k->id) ||
	    !sts_policy_read(text, &policy)) {
		return false;
	}
	k->policy = text;
	k->fetched = now;
	k->retry = 0;
	return true;
}

int
sts_file_keep(const struct config *config, const char *domain,
    const struct agent_news *news)
{
	static struct sts_memory memory;
	static char out[STS_FILE];
	uint64_t now = (uint64_t)time(NULL);
	char path[PATH_MAX];

	if (news->len > STS_TEXT || news->id[STS_ID] != '\0' ||
	    file_path(config, domain, path) == -1) {
		errno = EINVAL;
		return -1;
	}
	sts_file_read(config, domain, &memory);
	if (news->len == 0) {
		memory.known.retry =
		    now + RETRY_LEAST + arc4random_uniform(RETRY_MORE);
	} else if (!take_news(&memory.known, news, now)) {
		errno = EINVAL;
		return -1;
	}
	size_t len = sts_known_write(&memory.known, out, sizeof(out));
	if (len == 0 || make_folder(config) == -1) {
		return -1;
	}
	return replace(config, path, out, len);
}
