/* SPDX-License-Identifier: ISC */
/* What --alert looks at beside the queue.  Runs as root. */
#include "common/login/users.h"
#include "common/tls/tls_keys.h"
#include "smtpd/admin/alert_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

enum {
	HOUR = 60 * 60,
	DAY = 24 * HOUR,
	LEAST_ROOM = 5, /* per cent */
	WELL_ROOM = 7,
	LEAST_DAYS = 7,
	FULL = 95, /* per cent of a quota */
	WELL_FULL = 90,
};

/* ---- the queue ---- */

static enum look
unknown_queue(char text[ALERT_TEXT])
{
	snprintf(text, ALERT_TEXT, "the queue cannot be read; type: mailq");
	return LOOK_UNKNOWN;
}

enum look
alert_waiting(const struct alert_view *v, char text[ALERT_TEXT])
{
	const struct waiting *q = &v->queue;

	if (!q->known && q->late == 0) {
		return unknown_queue(text);
	}
	if (q->late == 0) {
		return LOOK_WELL;
	}
	snprintf(text, ALERT_TEXT,
	    "%zu message%s waited for more than %d hours, the oldest for "
	    "%ld; the last reply: %s; type: mailq",
	    q->late, q->late == 1 ? " has" : "s have", WAITING_LATE,
	    (long)((time(NULL) - q->since) / HOUR),
	    q->reply[0] != '\0' ? q->reply : "none");
	return LOOK_BAD;
}

enum look
alert_login(const struct alert_view *v, char text[ALERT_TEXT])
{
	const struct waiting *q = &v->queue;

	if (!q->known && q->login[0] == '\0') {
		return unknown_queue(text);
	}
	if (q->login[0] == '\0') {
		return LOOK_WELL;
	}
	snprintf(text, ALERT_TEXT,
	    "mail waits because a login is refused: %s; correct the password "
	    "(see relay-password in restante.conf(5)), and type: smtpd -q",
	    q->login);
	return LOOK_BAD;
}

/* ---- room ---- */

static enum look
look_at_disk(const struct config *config, const char *path, unsigned least,
    char text[ALERT_TEXT])
{
	struct statvfs fs;

	if (statvfs(path, &fs) == -1) {
		snprintf(text, ALERT_TEXT, "%s: %s", path, strerror(errno));
		return errno == ENOENT ? LOOK_WELL : LOOK_UNKNOWN;
	}
	uint64_t room = (uint64_t)fs.f_bavail * fs.f_frsize;
	/* Some file systems have no number of inodes. */
	bool inodes = fs.f_files > 0 && fs.f_favail < fs.f_files / 100 * least;
	if (!inodes && room >= config->minimum_free &&
	    fs.f_bavail >= fs.f_blocks / 100 * least) {
		return LOOK_WELL;
	}
	snprintf(text, ALERT_TEXT,
	    "%s has %llu MiB and %llu inodes left: mail is put off when there "
	    "are none; type: df -h %s; df -i %s",
	    path, (unsigned long long)(room >> 20),
	    (unsigned long long)fs.f_favail, path, path);
	return LOOK_BAD;
}

/* The folder of the mailboxes: that of the file, up to what differs. */
static void
mailbox_folder(const struct config *config, char path[PATH_MAX])
{
	strlcpy(path, config->mailbox, PATH_MAX);
	path[strcspn(path, "%")] = '\0';
	char *slash = strrchr(path, '/');
	if (slash != NULL) {
		slash[slash == path] = '\0';
	}
}

enum look
alert_disk(const struct alert_view *v, char text[ALERT_TEXT])
{
	const struct config *config = v->config;
	unsigned least = v->before ? WELL_ROOM : LEAST_ROOM;
	char mailboxes[PATH_MAX];
	enum look worst = LOOK_WELL;

	mailbox_folder(config, mailboxes);
	const char *const paths[] = { config->queue, config->state, mailboxes };
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		char said[ALERT_TEXT] = "";
		enum look look = look_at_disk(config, paths[i], least, said);
		if (look != LOOK_WELL && worst != LOOK_BAD) {
			worst = look;
			strlcpy(text, said, ALERT_TEXT);
		}
	}
	return worst;
}

/* ---- certificates ---- */

enum look
alert_certificate(const struct alert_view *v, char text[ALERT_TEXT])
{
	const struct config *config = v->config;
	char error[CONFIG_ERROR];
	time_t now = time(NULL);
	enum look worst = LOOK_WELL;

	if (config->ntls == 0) {
		return LOOK_WELL;
	}
	struct tls_keys *keys = tls_keys_open(config, false, error);
	if (keys == NULL) {
		snprintf(text, ALERT_TEXT, "certificate: %s", error);
		return LOOK_BAD;
	}
	for (size_t i = 0; i < tls_keys_count(keys); i++) {
		struct tls_look look;
		if (!tls_keys_look(keys, i, config->hostname, &look)) {
			continue;
		}
		long days = (long)((look.ends - now) / DAY);
		if (look.ends >= now && days >= LEAST_DAYS) {
			continue;
		}
		worst = LOOK_BAD;
		snprintf(text, ALERT_TEXT,
		    look.ends < now
			? "a certificate has expired, and clients refuse it: "
			  "renew it; type: smtpd --check"
			: "a certificate ends in %ld days, and has not been "
			  "renewed; type: smtpd --check",
		    days);
	}
	tls_keys_close(keys);
	return worst;
}

/* ---- quotas ---- */

struct quotas {
	const struct config *config;
	const struct names *names;
	unsigned full; /* per cent */
	unsigned users;
	char text[ALERT_TEXT / 2]; /* the first ones */
};

static void
look_at_quota(struct quotas *q, const char *name)
{
	char user[USER_NAME + 1], path[PATH_MAX];
	struct account account;
	struct stat st;

	if (!user_name(q->config, name, user)) {
		return;
	}
	uint64_t quota = limits_of(&q->config->quota, user);
	if (quota == 0 ||
	    account_find(q->config, q->names, user, &account) != STATUS_OK ||
	    account_mailbox(q->config, &account, path) == -1 ||
	    lstat(path, &st) == -1 ||
	    (uint64_t)st.st_size < quota / 100 * q->full) {
		return;
	}
	size_t n = strlen(q->text);
	snprintf(
	    q->text + n, sizeof(q->text) - n, "%s%s", n > 0 ? ", " : "", user);
	q->users++;
}

static void
look_at_quotas(struct quotas *q)
{
	struct user_line line;
	enum user_line_kind kind;

	if (config_system_users(q->config)) {
		for (size_t i = 0; i < q->config->quota.count; i++) {
			look_at_quota(q, q->config->quota.own[i].user);
		}
		return;
	}
	struct users_file *f = users_open(q->config->users);
	while (f != NULL && (kind = users_next(f, &line)) < USER_LINE_END) {
		if (kind == USER_LINE_USER && line.label[0] == '\0') {
			look_at_quota(q, line.name);
		}
	}
	if (f != NULL) {
		users_close(f);
	}
}

enum look
alert_quota(const struct alert_view *v, char text[ALERT_TEXT])
{
	struct quotas q = { .config = v->config,
		.full = v->before ? WELL_FULL : FULL };
	char error[CONFIG_ERROR];
	struct names *names = names_load(v->config, error);

	if (names == NULL) {
		snprintf(text, ALERT_TEXT, "users: %s", error);
		return LOOK_UNKNOWN;
	}
	q.names = names;
	look_at_quotas(&q);
	names_free(names);
	if (q.users == 0) {
		return LOOK_WELL;
	}
	snprintf(text, ALERT_TEXT,
	    "%u mailboxes are almost as large as their quota, and mail for "
	    "them is put off and returned when they are: %s",
	    q.users, q.text);
	return LOOK_BAD;
}
