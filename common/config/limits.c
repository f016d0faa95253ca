/* SPDX-License-Identifier: ISC */
/* Limits of users. */
#include "common/config/limits.h"

#include <string.h>

/* The user's place in the list; count: none. */
static size_t
find_limit(const struct limits *l, const char *user)
{
	size_t i = 0;

	while (i < l->count && strcmp(l->own[i].user, user) != 0) {
		i++;
	}
	return i;
}

uint64_t
limits_of(const struct limits *l, const char *user)
{
	size_t i = find_limit(l, user);

	return i == l->count ? l->usual : l->own[i].value;
}

bool
limits_say(const struct limits *l, const char *user)
{
	return l->usual != 0 || find_limit(l, user) < l->count;
}

bool
limits_range(const struct limits *l, uint64_t *least, uint64_t *most)
{
	bool differ = false;

	*least = *most = l->usual;
	for (size_t i = 0; i < l->count; i++) {
		uint64_t value = l->own[i].value;
		differ = differ || value != l->usual;
		*most = value > *most ? value : *most;
		if (value != 0 && (value < *least || *least == 0)) {
			*least = value;
		}
	}
	return differ;
}

int
limits_set(struct limits *l, const char *user, uint64_t value)
{
	if (*user == '\0') {
		l->usual = value;
		return 0;
	}
	size_t i = find_limit(l, user);
	if (i == l->count) {
		if (i == LIMITS_OWN || strlen(user) > LIMITS_USER) {
			return -1;
		}
		l->count++;
		strlcpy(l->own[i].user, user, sizeof(l->own[i].user));
	}
	l->own[i].value = value;
	return 0;
}
