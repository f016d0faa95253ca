/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_QUEUE_WINDOW_H
#define RESTANTE_SMTPD_QUEUE_WINDOW_H

/*
 * The number of connections to one next hop, adapted as TCP does it.  It
 * doubles while all goes well, is halved by trouble, and grows by one for each
 * round of successes after that.  Pure.
 */

struct window {
	unsigned size, most;
	unsigned successes; /* since it has grown */
	unsigned steady;    /* from this size on it grows slowly */
};

void window_init(struct window *, unsigned size, unsigned most);
void window_success(struct window *);
void window_trouble(struct window *);

#endif
