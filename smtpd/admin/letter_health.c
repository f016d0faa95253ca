/* SPDX-License-Identifier: ISC */
/* What a letter says of certificate, disk, logins and mailboxes. */
#include "smtpd/admin/letter_private.h"

#include "common/login/users.h"
#include "common/tls/tls_keys.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
	DAY = 24 * 60 * 60,
	SOON = 21,     /* days before which a certificate is renewed */
	TREND = 7,     /* days from which on a trend is none of chance */
	URGENT = 30,   /* days until the disk is full */
	MONTHS = 60,   /* days from which on one speaks of months, */
	FAR = 5 * 365, /* and from which on of nothing */
	SCARCE = 5,    /* per cent that are free */
};

/* ---- certificate ---- */

/* The first end of a certificate's time; false: there is none. */
static bool
first_end(const struct config *config, time_t *end, bool *self_signed)
{
	char error[CONFIG_ERROR];
	struct tls_keys *keys =
	    config->ntls == 0 ? NULL : tls_keys_open(config, true, error);
	struct tls_look look = { .self_signed = false };
	bool found = false;

	for (size_t i = 0; keys != NULL && i < tls_keys_count(keys); i++) {
		if (tls_keys_look(keys, i, config->hostname, &look) &&
		    (!found || look.ends < *end)) {
			*end = look.ends;
			found = true;
		}
		if (found && look.self_signed) {
			*self_signed = true;
		}
	}
	if (keys != NULL) {
		tls_keys_close(keys);
	}
	return found;
}

static void
add_certificate(struct letter *l)
{
	static const char label[] = "certificate";
	struct letter_line *line;
	bool self_signed = false;
	time_t end;

	if (!first_end(l->config, &end, &self_signed)) {
		line = letter_add(l, LETTER_FACT, label, "none, so no TLS");
	} else if (end < l->now) {
		line = letter_add(l, LETTER_FACT, label, "expired");
	} else {
		long days = (long)((end - l->now) / DAY);
		line = letter_add(l, LETTER_FACT, label, "%ld day%s left%s",
		    days, days == 1 ? "" : "s",
		    self_signed ? "; it signs itself" : "");
		if (days >= SOON && !self_signed) {
			return;
		}
	}
	if (line != NULL) {
		line->bad = true;
	}
}

/* ---- disk ---- */

uint64_t
letter_days_left(uint64_t was, uint64_t used, uint64_t room, uint32_t ago)
{
	if (used <= was) {
		return 0;
	}
	double days = (double)room * ago / (double)(used - was);
	return days < 1 ? 1 : days > FAR ? 0 : (uint64_t)days;
}

/* The same by what was noted; 0 also if that is not long ago. */
static uint64_t
days_left(const struct letter *l, uint64_t used, uint64_t room)
{
	for (uint32_t ago = LETTER_MONTH; ago >= TREND; ago--) {
		uint32_t day = l->today - ago;
		const struct stats_day *d = &l->stats.table[day % STATS_DAYS];
		if (d->day == day && d->disk != 0) {
			return letter_days_left(d->disk, used, room, ago);
		}
	}
	return 0;
}

static void
add_disk(struct letter *l)
{
	char folder[PATH_MAX], size[LETTER_SIZE], text[LETTER_TEXT];
	char when[64] = "";
	struct statvfs fs;

	stats_mail_folder(l->config, folder);
	if (statvfs(folder, &fs) == -1 || fs.f_blocks == 0) {
		return; /* a task says so */
	}
	uint64_t whole = (uint64_t)fs.f_blocks * fs.f_frsize;
	uint64_t room = (uint64_t)fs.f_bavail * fs.f_frsize;
	uint64_t used = whole - (uint64_t)fs.f_bfree * fs.f_frsize;
	uint64_t days = days_left(l, used >> 20, room >> 20);
	bool months = days >= MONTHS;

	if (days > 0) {
		snprintf(when, sizeof(when), ", full in about %llu %s%s",
		    (unsigned long long)(months ? days / 30 : days),
		    months ? "month" : "day", days == 1 ? "" : "s");
	}
	unsigned percent =
	    (unsigned)(used / (whole / 100 > 0 ? whole / 100 : 1));
	struct letter_line *line = letter_add(l, LETTER_FACT, "disk",
	    "%u %% of %s used%s", percent, letter_size(whole, size), when);
	if (line != NULL &&
	    (room / SCARCE < whole / 100 || (days > 0 && days < URGENT))) {
		line->bad = true;
		snprintf(text, sizeof(text),
		    "the disk with %.100s has %s left%s: make room, or mail "
		    "will wait; type: df -h %.100s",
		    folder, letter_size(room, size),
		    days > 0 && days < URGENT ? when : "", folder);
		letter_task(l, true, text);
	}
}

/* ---- logins ---- */

static uint64_t
sum_of(const struct letter *l, enum stats first, enum stats last)
{
	uint64_t n = 0;

	for (enum stats i = first; i <= last; i++) {
		n += letter_sum(l, i);
	}
	return n;
}

static void
add_logins(struct letter *l)
{
	uint64_t good = sum_of(l, STATS_LOGIN_PLAIN, STATS_LOGIN_OTHER);
	uint64_t bad = sum_of(l, STATS_FAILED_PLAIN, STATS_FAILED_OTHER);
	char a[LETTER_NUMBER], b[LETTER_NUMBER];

	if (good + bad == 0) {
		letter_add(l, LETTER_FACT, "logins", "none");
		return;
	}
	letter_add(l, LETTER_FACT, "logins", "%s successful, %s failed",
	    good == 0 ? "none" : letter_number(good, a),
	    bad == 0 ? "none" : letter_number(bad, b));
}

void
letter_health(struct letter *l)
{
	add_certificate(l);
	add_disk(l);
	add_logins(l);
}

/* ---- mailboxes ---- */

struct boxes {
	const struct config *config;
	struct names *names;
	struct box {
		char name[USER_NAME + 1];
		uint64_t size;
	} most[LETTER_ROWS]; /* the largest, the largest first */
	size_t count;        /* of all */
	uint64_t size;
};

/* No mailbox is opened: what is in it is its user's. */
static void
add_box(struct boxes *b, const char *name)
{
	char user[USER_NAME + 1], path[PATH_MAX];
	struct account account;
	struct stat st;
	size_t i = b->count < LETTER_ROWS ? b->count : LETTER_ROWS - 1;

	if (!user_name(b->config, name, user) ||
	    account_find(b->config, b->names, user, &account) != STATUS_OK ||
	    account_mailbox(b->config, &account, path) == -1 ||
	    lstat(path, &st) == -1 || !S_ISREG(st.st_mode)) {
		return;
	}
	struct box new = { .size = (uint64_t)st.st_size };
	strlcpy(new.name, user, sizeof(new.name));
	b->size += new.size;
	if (b->count++ >= LETTER_ROWS && b->most[i].size >= new.size) {
		return;
	}
	for (; i > 0 && b->most[i - 1].size < new.size; i--) {
		b->most[i] = b->most[i - 1];
	}
	b->most[i] = new;
}

static void
add_boxes_of_file(struct boxes *b)
{
	struct users_file *f = users_open(b->config->users);
	enum user_line_kind kind;
	struct user_line line;

	while (f != NULL && (kind = users_next(f, &line)) < USER_LINE_END) {
		if (kind == USER_LINE_USER && line.label[0] == '\0') {
			add_box(b, line.name);
		}
	}
	if (f != NULL) {
		users_close(f);
	}
}

/* Of the system's accounts, those whose mailbox is in the folder. */
static void
add_boxes_in(struct boxes *b)
{
	char folder[PATH_MAX];
	const struct dirent *entry;

	stats_mail_folder(b->config, folder);
	DIR *d = opendir(folder);
	while (d != NULL && (entry = readdir(d)) != NULL) {
		if (entry->d_name[0] != '.') {
			add_box(b, entry->d_name);
		}
	}
	if (d != NULL) {
		closedir(d);
	}
}

static void
add_rows(struct letter *l, const struct boxes *b)
{
	char size[LETTER_SIZE], of[LETTER_SIZE];

	for (size_t i = 0; i < b->count && i < LETTER_ROWS; i++) {
		const struct box *box = &b->most[i];
		uint64_t quota = limits_of(&l->config->quota, box->name);
		struct letter_line *line =
		    letter_add(l, LETTER_COUNT, box->name, "%s%s%s",
			letter_size(box->size, size), quota > 0 ? " of " : "",
			quota > 0 ? letter_size(quota, of) : "");
		if (line != NULL) {
			line->received = box->size;
			line->sent = b->most[0].size;
		}
	}
	if (b->count > LETTER_ROWS) {
		letter_add(l, LETTER_NOTE, "", "and %zu smaller ones",
		    b->count - LETTER_ROWS);
	}
}

void
letter_mailboxes(struct letter *l)
{
	char error[CONFIG_ERROR], head[LETTER_LABEL], size[LETTER_SIZE];
	struct boxes b = { .config = l->config,
		.names = names_load(l->config, error) };

	if (b.names == NULL) {
		return; /* a task says so */
	}
	if (config_system_users(l->config)) {
		add_boxes_in(&b);
	} else {
		add_boxes_of_file(&b);
	}
	names_free(b.names);
	if (!l->names) {
		letter_add(l, LETTER_FACT, "mailboxes", "%zu, with %s", b.count,
		    letter_size(b.size, size));
	} else if (b.count > 0) {
		snprintf(head, sizeof(head), "Mailboxes: %s",
		    letter_size(b.size, size));
		letter_add(l, LETTER_HEAD, head, "%s", "");
		add_rows(l, &b);
	}
}
