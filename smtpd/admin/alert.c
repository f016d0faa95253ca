/* SPDX-License-Identifier: ISC */
/* smtpd --alert: tells the administrator by another way than by mail. */
#include "smtpd/admin/alert.h"

#include "common/io/file.h"
#include "common/io/statefile.h"
#include "common/log/log.h"
#include "common/login/helper.h"
#include "common/login/users.h"
#include "smtpd/admin/alert_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum { COMMAND_LIMIT = 60 * 1000, TOLD = 256 };

static const struct kind {
	const char *word; /* for the command */
	alert_look *look;
} kinds[] = {
	{ "queue", alert_waiting },
	{ "relay-login", alert_login },
	{ "disk", alert_disk },
	{ "certificate", alert_certificate },
	{ "listed", alert_listed },
	{ "quota", alert_quota },
};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

/* ---- what has been told: a line "WORD bad" or "WORD well" for each ---- */

/* Opens it locked; -1 with errno: EAGAIN, another one is at work. */
static int
open_told(const struct config *config)
{
	char path[PATH_MAX];
	struct stat st;

	statefile_folder(config);
	if (statefile_path(config, "alerts", "", path) == -1) {
		return -1;
	}
	int fd = statefile_open(path, O_RDWR | O_CREAT, &st);
	if (fd != -1 && statefile_lock(fd, F_WRLCK, 0, 0, 1, 0) == -1) {
		int saved = errno;
		close(fd);
		errno = saved == EACCES ? EAGAIN : saved;
		return -1;
	}
	return fd;
}

static void
read_told(int fd, bool bad[KINDS])
{
	char text[TOLD], word[32];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	for (size_t i = 0; i < KINDS; i++) {
		snprintf(word, sizeof(word), "%s bad\n", kinds[i].word);
		bad[i] = strstr(text, word) != NULL;
	}
}

/* One call, of the same length always. */
static int
write_told(int fd, const bool bad[KINDS])
{
	char text[TOLD] = "";

	for (size_t i = 0; i < KINDS; i++) {
		strlcat(text, kinds[i].word, sizeof(text));
		strlcat(text, bad[i] ? " bad\n" : " well\n", sizeof(text));
	}
	size_t n = strlen(text);
	return file_write(fd, text, n, 0) == -1 || ftruncate(fd, (off_t)n) == -1
	           ? -1
	           : 0;
}

/* ---- the command ---- */

static enum status
find_owner(const struct config *config, struct account *owner)
{
	memset(owner, 0, sizeof(*owner));
	if (geteuid() != 0) {
		return STATUS_OK; /* we run it as what we are */
	}
	enum status s = account_system(config->alias_owner, owner);
	if (s != STATUS_OK || owner->uid == 0) {
		log_error("cannot run the command of alert as %s: %s; set "
			  "alias-owner",
		    config->alias_owner,
		    s == STATUS_OK ? "commands are never run as root"
				   : "there is no such account");
		return STATUS_NO;
	}
	return s;
}

static void
complain(const struct config *config, enum process_end end,
    const struct helper_answer *a)
{
	switch (end) {
	case PROCESS_EXITED:
		log_error("alert: %s has ended with status %d, and is started "
			  "again by the next look: %.200s",
		    config->alert, a->status, a->err);
		break;
	case PROCESS_SIGNALED:
		log_error("alert: %s was killed by signal %d", config->alert,
		    a->status);
		break;
	case PROCESS_LATE:
		log_error("alert: %s has not ended within %d seconds, and was "
			  "killed",
		    config->alert, COMMAND_LIMIT / 1000);
		break;
	case PROCESS_FAILED:
		log_error("alert: cannot start %s: %s", config->alert,
		    strerror(errno));
		break;
	}
}

/* Tells one thing; false: it has to be told again. */
static bool
tell(const struct config *config, const struct account *owner,
    const struct kind *kind, bool bad, const char *text)
{
	char command[CONFIG_VALUE + 64], message[ALERT_TEXT + CONFIG_NAME + 64];
	struct helper_answer answer;

	snprintf(command, sizeof(command), "%s %s %s", config->alert,
	    kind->word, bad ? "bad" : "well");
	int n = snprintf(message, sizeof(message), "%s: %s\n", config->hostname,
	    bad ? text : "all is well again");
	struct helper h = { .command = command,
		.question = message,
		.size = (size_t)n,
		.uid = owner->uid,
		.gid = owner->gid,
		.limit = COMMAND_LIMIT };
	enum process_end end = helper_run(&h, &answer);
	if (end == PROCESS_EXITED && answer.status == 0) {
		return true;
	}
	complain(config, end, &answer);
	return false;
}

/* ---- a look at everything ---- */

static bool
look_at_all(const struct config *config, const struct account *owner, int fd,
    bool told[KINDS])
{
	struct alert_view view = { .config = config };
	bool good = true;

	waiting_search(config, "smtpd --alert", &view.queue);
	for (size_t i = 0; i < KINDS; i++) {
		char text[ALERT_TEXT] = "";
		view.before = told[i];
		enum look look = kinds[i].look(&view, text);
		printf("%s: %s\n", kinds[i].word,
		    look == LOOK_WELL ? "well" : text);
		if (look == LOOK_UNKNOWN || (look == LOOK_BAD) == told[i]) {
			continue;
		}
		if (!tell(config, owner, &kinds[i], look == LOOK_BAD, text)) {
			good = false;
			continue;
		}
		told[i] = look == LOOK_BAD;
		if (write_told(fd, told) == -1) {
			log_error("cannot write %s/alerts: %s; what was told "
				  "is told again",
			    config->state, strerror(errno));
			good = false;
		}
	}
	return good;
}

int
alert_run(const struct config *config)
{
	struct account owner;
	bool told[KINDS];

	if (config->alert[0] == '\0') {
		log_error("there is no command to start: set the key alert; "
			  "restante.conf(5) has an example");
		return EX_CONFIG;
	}
	if (find_owner(config, &owner) != STATUS_OK) {
		return EX_CONFIG;
	}
	int fd = open_told(config);
	if (fd == -1 && errno == EAGAIN) {
		return EX_OK; /* another one is looking */
	}
	if (fd == -1) {
		log_error("cannot open %s/alerts: %s", config->state,
		    strerror(errno));
		return EX_CANTCREAT;
	}
	read_told(fd, told);
	bool good = look_at_all(config, &owner, fd, told);
	close(fd);
	return good ? EX_OK : EX_TEMPFAIL;
}
