/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SESSION_INCOMING_H
#define RESTANTE_SMTPD_SESSION_INCOMING_H

#include "common/text/dotstuff.h"
#include "smtpd/session/binary.h"
#include "smtpd/session/reply.h"
#include "smtpd/session/session.h"
#include "smtpd/session/trace.h"

#include <sys/types.h>

/* A message that is coming in, by DATA or by BDAT. */

enum {
	INCOMING_BUFFER = 64 * 1024, /* octets that are written at a time */
	INCOMING_HEAD = 1024 * 1024, /* of a header section to be completed */
	INCOMING_SPARE = 256,        /* of the buffer, for what is put on top */
};

struct incoming {
	struct session *session;
	struct dotstuff dotstuff;
	enum header_top top; /* what it begins with */
	struct trace_header header;
	enum smtp_reply refusal; /* of a chunk of it, or REPLY_NONE */
	uint64_t octets; /* of the message as we keep it, without our header */
	uint64_t wire;   /* the same as SIZE counts: a line end is two */
	off_t written, looked; /* looked: so far there was room on the disk */
	int error;             /* errno of the first write that failed */
	size_t head;           /* octets of our header */
	char last;             /* octet of it; NUL: none */
	bool at_head;   /* its header section is in the buffer as a whole */
	bool forbidden; /* From is not the user's */
	bool head_long; /* so that its authors were not looked at */
	struct access_found author; /* what access says of them */
	bool given_up;              /* because the server has asked for it */
	struct binary *binary; /* for BINARYMIME, once there was such a one */
	size_t len;
	char buffer[INCOMING_HEAD]; /* of which most messages need little */
};

/* Makes one for a session; NULL when there is no memory. */
struct incoming *incoming_new(void);
void incoming_free(struct incoming *);

/*
 * True if the disk has room for so many octets, and what must stay free, or if
 * that cannot be found out.
 */
bool incoming_room(const struct session *, uint64_t size);

/* Starts a message with our trace header; chunks: dots are not doubled. */
void incoming_begin(struct incoming *, struct session *, bool chunks);

/* Takes a piece, or of DATA what is up to its end; how many octets. */
size_t incoming_take(struct incoming *, const char *data, size_t len);

/* Ends it: the whole message has been received. */
void incoming_end(struct incoming *);

/*
 * Finds what is wrong with what has come so far, and logs it.  The reply to be
 * sent, or REPLY_NONE.  *leave: and the client is to go.
 */
enum smtp_reply incoming_fault(struct incoming *, bool *leave);

/* Hands a message on that has come in whole and has no fault; replies. */
enum next incoming_deliver(struct incoming *);

#endif
