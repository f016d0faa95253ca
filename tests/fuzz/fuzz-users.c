/* SPDX-License-Identifier: ISC */
/* Users files, and the credentials and names in them. */
#include "common/login/users.h"

#include "common/login/credentials.h"
#include "common/login/password.h"
#include "tests/fuzz/fuzz-file.h"

static void
check_user(const struct user_line *u)
{
	static const struct config c = { .hostname = "example.org" };
	char user[USER_NAME + 1];

	MUST(strlen(u->name) >= 1 && strlen(u->name) <= USER_NAME);
	MUST(u->label[0] == '\0' || users_label(u->label));
	MUST(strlen(u->owner) <= USER_NAME);
	MUST(strlen(u->credentials) < USER_CREDENTIALS);
	MUST(strchr(u->name, ':') == NULL && strchr(u->name, '\n') == NULL);
	if (user_name(&c, u->name, user)) {
		MUST(strchr(user, '/') == NULL && user[0] != '.');
		MUST(strlen(user) >= 1 && strlen(user) <= USER_NAME);
	}
	struct terms terms, again;
	char text[TERMS_TEXT];
	if (terms_parse(u->terms, &terms)) {
		terms_print(&terms, text);
		MUST(terms_parse(text, &again) && again.smtp == terms.smtp &&
		     again.pop3 == terms.pop3 && again.until == terms.until);
	}
	(void)password_is_valid(u->credentials);
	/* Nothing opens to an answer that is none. */
	(void)password_has_cram(u->credentials);
	MUST(password_check_cram(u->credentials, "<1@x>", "") == STATUS_NO);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct users_file *f = users_open(fuzz_file(data, size));
	enum user_line_kind kind;
	struct user_line u;
	size_t lines = 0;

	MUST(f != NULL);
	while ((kind = users_next(f, &u)) < USER_LINE_END) {
		MUST(++lines <= size);
		if (kind == USER_LINE_USER) {
			check_user(&u);
		}
	}
	MUST(kind == USER_LINE_END);
	users_close(f);
	return 0;
}
