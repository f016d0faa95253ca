/* SPDX-License-Identifier: ISC */
/* Slow start and additive increase, of connections instead of octets. */
#include "smtpd/queue/window.h"

void
window_init(struct window *w, unsigned size, unsigned most)
{
	w->most = most > 0 ? most : 1;
	w->size = size < 1 ? 1 : size > w->most ? w->most : size;
	w->steady = w->most;
	w->successes = 0;
}

void
window_success(struct window *w)
{
	if (w->size == w->most) {
		return;
	}
	if (w->size < w->steady || ++w->successes >= w->size) {
		w->size++;
		w->successes = 0;
	}
}

void
window_trouble(struct window *w)
{
	w->size = w->size > 1 ? w->size / 2 : 1;
	w->steady = w->size;
	w->successes = 0;
}
