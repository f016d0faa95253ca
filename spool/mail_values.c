/* SPDX-License-Identifier: ISC */
/* What stands behind the keys of a queue file's head. */
#include "spool/mail_values.h"

#include <string.h>

bool
mail_number(const char *text, size_t len, int64_t *value)
{
	*value = 0;
	if (len == 0 || len > 18) {
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9') {
			return false;
		}
		*value = *value * 10 + (text[i] - '0');
	}
	return true;
}

bool
mail_read_flag(const char *value, const char *word, bool *flag)
{
	*flag = strcmp(value, word) == 0;
	return *flag;
}

bool
mail_read_time(const char *value, time_t *when)
{
	int64_t n;
	bool good = mail_number(value, strlen(value), &n) &&
	            (value[0] != '0' || value[1] == '\0');

	*when = n;
	return good;
}

bool
mail_read_ret(const char *value, enum ret *ret)
{
	*ret = strcmp(value, "full") == 0   ? RET_FULL
	       : strcmp(value, "hdrs") == 0 ? RET_HDRS
	                                    : RET_UNSAID;
	return *ret != RET_UNSAID;
}

bool
mail_read_notify(const char *value, unsigned *notify)
{
	const char *p = value;

	*notify = 0;
	for (size_t i = 0; mail_notify[i] != NULL; i++) {
		size_t len = strlen(mail_notify[i]);
		if (strncmp(p, mail_notify[i], len) != 0) {
			continue;
		}
		*notify |= 1u << i;
		p += len;
		if (*p == '\0') {
			return true;
		}
		if (*p++ != ',') {
			return false;
		}
	}
	return false;
}

bool
mail_read_priority(const char *value, int *priority)
{
	bool negative = *value == '-';

	value += negative;
	if (value[0] < '1' || value[0] > '9' || value[1] != '\0') {
		return false;
	}
	*priority = negative ? '0' - value[0] : value[0] - '0';
	return true;
}

bool
mail_read_by(const char *value, struct deliver_by *by)
{
	static const char trace[] = " trace";
	char number[24];
	int mode = BY_NOTIFY;
	size_t len = strlen(mail_by_modes[mode]);

	if (strncmp(value, mail_by_modes[mode], len) != 0) {
		mode = BY_RETURN;
		len = strlen(mail_by_modes[mode]);
	}
	if (strncmp(value, mail_by_modes[mode], len) != 0 ||
	    value[len] != ' ') {
		return false;
	}
	value += len + 1;
	len = strcspn(value, " ");
	by->mode = (enum by_mode)mode;
	by->trace = strcmp(value + len, trace) == 0;
	if (len >= sizeof(number) || (!by->trace && value[len] != '\0')) {
		return false;
	}
	memcpy(number, value, len);
	number[len] = '\0';
	return mail_read_time(number, &by->time);
}
