/* SPDX-License-Identifier: ISC */
/* See the header. */
#include "common/job/own_password.h"

#include <string.h>

bool
own_password_valid(const void *payload, size_t size)
{
	const struct own_password *p = payload;

	return size == sizeof(*p) &&
	       memchr(p->before, '\0', sizeof(p->before)) != NULL &&
	       memchr(p->after, '\0', sizeof(p->after)) != NULL;
}
