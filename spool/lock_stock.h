/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_LOCK_STOCK_H
#define RESTANTE_SPOOL_LOCK_STOCK_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Files in the folder of a mailbox, each ready to become its dotlock by one
 * link(2).  A process makes some before it gives up the right to write to new
 * files there: files without a name, which serve once each unless they are put
 * back, or one with a name, which serves again.
 */
enum { LOCK_STOCK = 16 };

struct lock_stock {
	int fd[LOCK_STOCK];
	size_t left;
	bool returns; /* what is put back is kept, under the name */
	int used;     /* the dotlock of now, that may be put back; or -1 */
	int folder;   /* of the one that has the name, or -1 */
	char name[NAME_MAX + 1];
};

/* One that has none, and may be closed. */
#define LOCK_STOCK_EMPTY                                                       \
	{                                                                      \
		.used = -1, .folder = -1                                       \
	}

/*
 * Makes so many in the folder, LOCK_STOCK at most; each costs what a dotlock
 * costs.  False, with none left: the file system has no such files, or there is
 * no /proc to name them by.
 */
bool lock_stock_make(struct lock_stock *, int folder, size_t count);

/*
 * Keeps the files of that stock that are put back.  A session may lock more
 * than once, to recover and to delete, but most never do, and making a file is
 * a large part of what a login costs.
 */
void lock_stock_return(struct lock_stock *, const char *mailbox);

/*
 * Makes one for as many locks as are wanted, .MAILBOX.lk.  What another process
 * has left under that name is used or replaced.  False, with none: another
 * process uses it, or it cannot be made.
 */
bool lock_stock_make_lasting(
    struct lock_stock *, int folder, const char *mailbox);

/* Takes one away from the stock: a descriptor to be closed, or -1: none left.
 */
int lock_stock_take(struct lock_stock *);

/*
 * Links one as the dotlock, and has it count from now on.  0, or -1 with errno;
 * then the stock has it still.  One that serves again stays in the stock.
 */
int lock_stock_link(struct lock_stock *, int folder, const char *name);

/*
 * Takes the dotlock of that name back: it is one no longer, and serves again.
 * False: the stock takes nothing back, and the dotlock is still there.
 */
bool lock_stock_put_back(struct lock_stock *, int folder, const char *name);

/* Closes what is left, and removes what has a name. */
void lock_stock_close(struct lock_stock *);

/*
 * Writes the text of a dotlock.  On a full disk it stays empty: it is a lock
 * all the same, and mail must be deleted just then.  0, or -1 with errno.
 */
int lock_write(int fd, const char *text, size_t len);

#endif
