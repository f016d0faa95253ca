/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_DATE_H
#define RESTANTE_COMMON_DATE_H

#include <time.h>

enum { DATE_SIZE = 64 };

/* A time as header fields write it (RFC 5322 section 3.3), in the local zone,
   whatever the locale. */
void date_text(time_t when, char text[DATE_SIZE]);

#endif
