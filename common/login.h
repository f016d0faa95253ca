/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_LOGIN_H
#define RESTANTE_COMMON_LOGIN_H

#include "common/channel.h"
#include "common/config.h"
#include "common/server.h"
#include "common/users.h"

#include <stddef.h>
#include <stdint.h>

/*
 * What a session sends to have a login checked, and the SASL exchange that
 * fills it in (PLAIN of RFC 4616, LOGIN, CRAM-MD5 of RFC 2195).  The session
 * knows no credentials; a worker checks.
 */

enum { LOGIN_NAME = 255, LOGIN_SECRET = 512, LOGIN_PENDING = 8192 };

enum mechanism { MECHANISM_PLAIN, MECHANISM_LOGIN, MECHANISM_CRAM_MD5 };

struct login {
	uint32_t mechanism;
	char name[LOGIN_NAME + 1];
	char secret[LOGIN_SECRET + 1]; /* the password; CRAM-MD5: the answer */
	char challenge[CONFIG_NAME + 64];
	/* pop3d: pipelined bytes for the mailbox process to read first. */
	uint32_t pending;
	char bytes[LOGIN_PENDING];
};

/* Octets of a request with n pending bytes. */
#define LOGIN_SIZE(n) (offsetof(struct login, bytes) + (n))

/* For struct job: whether a request is well formed, and the worker's check. */
bool login_valid(const void *payload, size_t size);
enum status login_run(const struct task *);

/* ---- the exchange, pure ---- */

struct sasl {
	struct login login;
	unsigned step;
	char prompt[CONFIG_NAME + 64]; /* the server's next challenge */
};

enum sasl_result {
	SASL_CONTINUE, /* send sasl.prompt (base64), read the answer */
	SASL_DONE,     /* sasl.login is complete */
	SASL_MALFORMED,
};

/* false: a mechanism that we do not have. */
bool sasl_start(struct sasl *, const char *mechanism, const char *hostname);

/* Whether the client may send its first answer along with the start. */
bool sasl_client_first(const struct sasl *);

/* Takes the client's answer, decoded.  NULL: it sent none yet. */
enum sasl_result sasl_step(struct sasl *, const char *data, size_t len);

#endif
