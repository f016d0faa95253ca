/* SPDX-License-Identifier: ISC */
/* The credentials of a user, from the users file or the system. */
#include "common/login/credentials.h"

#include "common/log/log.h"
#include "common/login/password.h"
#include "common/names/passwd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { DAY = 24 * 60 * 60 };

/* ---- terms ---- */

int64_t
terms_day(const char *text)
{
	static const char form[] = "dddd-dd-dd";
	struct tm day = { .tm_year = 0 };
	char again[16] = "";

	for (size_t i = 0; i < sizeof(form); i++) {
		bool digit = text[i] >= '0' && text[i] <= '9';
		if (form[i] == 'd' ? !digit : text[i] != form[i]) {
			return 0;
		}
	}
	day.tm_year = (text[0] - '0') * 1000 + (text[1] - '0') * 100 +
	              (text[2] - '0') * 10 + (text[3] - '0') - 1900;
	day.tm_mon = (text[5] - '0') * 10 + (text[6] - '0') - 1;
	day.tm_mday = (text[8] - '0') * 10 + (text[9] - '0');
	time_t start = timegm(&day);
	/* timegm() has turned an impossible date into another. */
	if (strftime(again, sizeof(again), "%Y-%m-%d", &day) == 0 ||
	    strcmp(again, text) != 0 || start < 0) {
		return 0;
	}
	return (int64_t)start + DAY;
}

/* Parses one word of the terms. */
static bool
parse_term(const char *word, struct terms *t)
{
	if (strcmp(word, "for=smtp") == 0) {
		t->pop3 = false;
		return t->smtp;
	}
	if (strcmp(word, "for=pop3") == 0) {
		t->smtp = false;
		return t->pop3;
	}
	if (strncmp(word, "until=", 6) == 0 && t->until == 0) {
		t->until = terms_day(word + 6);
		return t->until != 0;
	}
	return false;
}

bool
terms_parse(const char *text, struct terms *t)
{
	char word[TERMS_TEXT];

	*t = (struct terms){ .smtp = true, .pop3 = true };
	for (;;) {
		text += strspn(text, " \t");
		size_t n = strcspn(text, " \t");
		if (n == 0) {
			return true;
		}
		if (n >= sizeof(word)) {
			return false;
		}
		memcpy(word, text, n);
		word[n] = '\0';
		if (!parse_term(word, t)) {
			return false;
		}
		text += n;
	}
}

void
terms_print(const struct terms *t, char text[TERMS_TEXT])
{
	time_t day = (time_t)t->until - DAY;
	char until[32] = "";
	struct tm tm;

	if (t->until != 0 && gmtime_r(&day, &tm) != NULL) {
		(void)strftime(until, sizeof(until), "until=%Y-%m-%d", &tm);
	}
	snprintf(text, TERMS_TEXT, "%s%s%s",
	    t->smtp == t->pop3 ? ""
	    : t->smtp          ? "for=smtp"
			       : "for=pop3",
	    t->smtp != t->pop3 && until[0] != '\0' ? " " : "", until);
}

/* ---- where they are ---- */

/* Adds the credentials of a line; false if there is no room. */
static bool
add_line(struct credentials *c, const struct user_line *u)
{
	if (c->n == CREDENTIALS_MOST) {
		return false;
	}
	struct credential *own = &c->list[c->n++];
	strlcpy(own->label, u->label, sizeof(own->label));
	strlcpy(own->text, u->credentials, sizeof(own->text));
	own->good = terms_parse(u->terms, &own->terms);
	return true;
}

/* Lines of a user on their way into the credentials. */
struct finding {
	const char *user;
	struct credentials *c;
	bool known, full;
};

static void
take_line(struct finding *find, const struct user_line *u)
{
	/* Of two lines for one user the first counts. */
	if (u->label[0] != '\0' || !find->known) {
		find->full = !add_line(find->c, u) || find->full;
	}
	find->known = find->known || u->label[0] == '\0';
}

/* Reads all lines. */
static enum user_line_kind
search(struct users_file *f, struct finding *find)
{
	enum user_line_kind kind;
	struct user_line u;

	while ((kind = users_next(f, &u)) < USER_LINE_END) {
		if (kind == USER_LINE_USER &&
		    strcasecmp(u.name, find->user) == 0) {
			take_line(find, &u);
		}
	}
	return kind;
}

/*
 * Reads the lines of a file that the names know of, in the order of the file
 * but for the user's first one.
 */
static enum user_line_kind
look_up(struct users_file *f, const struct names *names, struct finding *find)
{
	size_t count, first = names_lines(names, find->user, &count);
	struct user_line u;

	for (size_t i = first; i < first + count; i++) {
		if (users_seek(f, names->entries[i].line) == -1 ||
		    users_next(f, &u) != USER_LINE_USER ||
		    strcasecmp(u.name, find->user) != 0) {
			return USER_LINE_ERROR;
		}
		take_line(find, &u);
	}
	return USER_LINE_END;
}

static enum status
find_in_file(const struct config *config, const struct names *names,
    const char *user, struct credentials *c)
{
	struct users_file *f = users_open(config->users);
	enum user_line_kind kind = USER_LINE_ERROR;
	struct finding find = { .user = user, .c = c };

	if (f != NULL && names != NULL && names_fit(names, f)) {
		kind = look_up(f, names, &find);
	}
	if (f != NULL && kind == USER_LINE_ERROR && users_seek(f, 0) == 0) {
		find = (struct finding){ .user = user, .c = c };
		c->n = 0;
		kind = search(f, &find);
	}
	if (kind == USER_LINE_ERROR) {
		log_error("cannot read the users file %s: %s", config->users,
		    strerror(errno));
	}
	if (find.full) {
		log_error("%s has more than %d lines in %s: the others do not "
			  "count",
		    user, CREDENTIALS_MOST, config->users);
	}
	if (f != NULL) {
		users_close(f);
	}
	return kind == USER_LINE_ERROR ? STATUS_TEMPORARY
	       : find.known            ? STATUS_OK
	                               : STATUS_NO;
}

static enum status
find_in_system(const char *user, struct credentials *c)
{
	struct account a;
	enum status s = account_system(user, &a);
	/* Of unknown users it is asked, too, so that trouble tells nothing. */
	const struct spwd *sp = passwd_shadow(user);

	if (sp == NULL && errno != 0) {
		return STATUS_TEMPORARY;
	}
	/* root does not log in: its mail goes to another user. */
	if (sp != NULL && s == STATUS_OK && a.uid != 0 &&
	    (sp->sp_expire <= 0 || sp->sp_expire > (long)(time(NULL) / DAY))) {
		char nothing[] = "";
		struct user_line line = { .label = nothing,
			.credentials = sp->sp_pwdp,
			.terms = nothing };
		(void)add_line(c, &line);
	}
	return s;
}

enum status
credentials_find(const struct config *config, const struct names *names,
    const char *user, struct credentials *c)
{
	c->n = 0;
	enum status s = config_system_users(config)
	                    ? find_in_system(user, c)
	                    : find_in_file(config, names, user, c);
	if (s != STATUS_OK) {
		explicit_bzero(c, sizeof(*c));
	}
	return s;
}

enum status
credentials_holder(const struct config *config, const char *fingerprint,
    char user[USER_NAME + 1])
{
	char name[USER_NAME + 1];
	enum status s = STATUS_NO;
	enum user_line_kind kind;
	struct user_line u;

	if (config_system_users(config)) {
		return STATUS_NO;
	}
	struct users_file *f = users_open(config->users);
	if (f == NULL) {
		log_error("cannot read the users file %s: %s", config->users,
		    strerror(errno));
		return STATUS_TEMPORARY;
	}
	while ((kind = users_next(f, &u)) < USER_LINE_END) {
		if (kind != USER_LINE_USER ||
		    !password_has_certificate(u.credentials, fingerprint) ||
		    !user_name(config, u.name, name)) {
			continue;
		}
		if (s == STATUS_OK && strcmp(user, name) != 0) {
			s = STATUS_NO; /* two users have it: the client must say
			                  which */
			break;
		}
		strlcpy(user, name, USER_NAME + 1);
		s = STATUS_OK;
	}
	users_close(f);
	return kind == USER_LINE_ERROR ? STATUS_TEMPORARY : s;
}
