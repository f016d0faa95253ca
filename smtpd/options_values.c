/* SPDX-License-Identifier: ISC */
/* Arguments of our own options. */
#include "smtpd/options_private.h"

#include <string.h>

int
options_listen(void *target, const struct option_row *row, const char *spec,
    char error[CONFIG_ERROR])
{
	struct options *o = target;

	(void)row;
	return launch_listen(&o->launch, spec, error);
}

int
options_role(void *target, const struct option_row *row, const char *name,
    char error[CONFIG_ERROR])
{
	(void)row;
	return launch_role(&((struct options *)target)->launch, name, error);
}

int
options_notice(void *target, const struct option_row *row, const char *argument,
    char error[CONFIG_ERROR])
{
	const char letter[] = { row->letter, '\0' };

	return notice_option(&((struct options *)target)->notice,
	    row->name != NULL ? row->name : letter, argument, error);
}

int
options_zone(void *target, const struct option_row *row, const char *argument,
    char error[CONFIG_ERROR])
{
	(void)argument;
	(void)error;
	((struct options *)target)->zone =
	    strcmp(row->name, "web") == 0 ? ZONE_WEB : ZONE_CHECK;
	return 0;
}

int
options_clients(void *target, const struct option_row *row,
    const char *argument, char error[CONFIG_ERROR])
{
	static const struct {
		const char *name;
		enum clients_form form;
	} forms[] = { { "thunderbird", CLIENTS_THUNDERBIRD },
		{ "apple", CLIENTS_APPLE }, { "outlook", CLIENTS_OUTLOOK },
		{ "srv", CLIENTS_SRV }, { "nginx", CLIENTS_NGINX } };
	struct options *o = target;

	(void)error;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (strcmp(row->name, forms[i].name) == 0) {
			o->clients = forms[i].form;
		}
	}
	o->apple = argument;
	return 0;
}

int
options_prometheus(void *target, const struct option_row *row,
    const char *argument, char error[CONFIG_ERROR])
{
	(void)row;
	(void)argument;
	(void)error;
	((struct options *)target)->stats = STATS_PROMETHEUS;
	return 0;
}

/* ---- after --passwd ---- */

static bool
take_for(struct terms *t, const char *argument)
{
	t->smtp = strcmp(argument, "smtp") == 0;
	t->pop3 = strcmp(argument, "pop3") == 0;
	return t->smtp || t->pop3;
}

static bool
take_until(struct terms *t, const char *argument)
{
	t->until = terms_day(argument);
	return t->until != 0;
}

int
options_passwd(void *target, const struct option_row *row, const char *argument,
    char error[CONFIG_ERROR])
{
	struct passwd_change *w = &((struct options *)target)->passwd;
	const char *wants;
	bool good;

	if (strcmp(row->name, "label") == 0) {
		w->label = argument;
		good = users_label(argument);
		wants = "letters, digits and ._+-=";
	} else if (strcmp(row->name, "for") == 0) {
		good = take_for(&w->terms, argument);
		wants = "smtp or pop3";
	} else if (strcmp(row->name, "until") == 0) {
		((struct options *)target)->vacation.until = argument;
		good = take_until(&w->terms, argument);
		wants = "a day such as 2031-12-31";
	} else {
		w->credential = argument;
		good = password_is_valid(argument) &&
		       strlen(argument) < USER_CREDENTIALS &&
		       strpbrk(argument, ":\r\n") == NULL;
		wants = "one of restante-users(5)";
	}
	if (!good) {
		return option_fail(error, "--%s takes %s, not \"%.100s\"",
		    row->name, wants, argument);
	}
	return 0;
}
