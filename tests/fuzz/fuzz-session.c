/* SPDX-License-Identifier: ISC */
/*
 * A whole SMTP session, in this process: the first two octets are the rules of
 * the house, the others what the client sends.  The session hears it twice, in
 * one piece and in small ones, and must answer alike; what it asks of the
 * server is well formed; what it hands on is whole lines; 250 is said as often
 * as a message was taken.  The linker puts the calls at the end of this file
 * in the place of the network, the server, the log and of sleep.
 */
#include "common/login/aliases_load.h"
#include "common/login/users.h"
#include "smtpd/session/run.h"
#include "smtpd/session/session.h"

#include "common/login/login.h"
#include "common/text/xtext.h"
#include "smtpd/worker/delivery.h"
#include "smtpd/worker/etrn.h"
#include "smtpd/worker/rcpt.h"
#include "tests/fuzz/fuzz.h"

#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	CLIENT = 1000, /* a descriptor that is none */
	RULE_SUBMISSION = 1,
	RULE_LOCAL = 2,
	RULE_TLS = 4,
	RULE_CLEAR = 8, /* passwords, too */
	RULE_SYSTEM = 16,
	RULE_SMALL = 32, /* messages only */
	SMALL = 100,
	MOST_BODIES = 64,
};

/* What a session has said and done. */
struct account_of {
	char *text; /* its replies */
	size_t len, room;
	unsigned taken; /* messages */
	uint64_t bodies[MOST_BODIES];
};

/* The world around the session under way. */
static struct {
	unsigned char rules, seed;
	const char *in;
	size_t in_len, step;
	int body;
	bool user; /* whose mail is completed: with dates, say */
	struct account_of *account;
} world;

static const char users[] = "user:{PLAIN}secret\nother:!\nulrich:{PLAIN}x\n";
static const char aliases[] = "list: user, somebody@example.net\n"
			      "gone: :moved: gone@example.net\n"
			      "away: :forwarded: away@example.net\n"
			      "user@virtual.example.org: user\n";

static void
file_of(const char *text, char path[PATH_MAX])
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	MUST(fd != -1 && fchmod(fd, 0600) == 0);
	MUST(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	snprintf(path, PATH_MAX, "/proc/self/fd/%d", fd);
}

static void
configure(struct config *c, bool system_users, uint64_t size_limit)
{
	char text[3 * PATH_MAX], path[3][PATH_MAX], error[CONFIG_ERROR];

	file_of(users, path[0]);
	file_of(aliases, path[1]);
	snprintf(text, sizeof(text),
	    "hostname mail.example.org\ndomains example.org "
	    "virtual.example.org\nvirtual-domains virtual.example.org\n"
	    "subaddress +\nusers %s\naliases %s\n",
	    system_users ? "system" : path[0], path[1]);
	file_of(text, path[2]);
	struct config *read = config_load(path[2], error);
	MUST(read != NULL);
	*c = *read;
	free(read);
	c->size_limit = size_limit;
}

/* The connection by the rules; made once for each. */
static struct connection *
connection(void)
{
	static struct connection made[64];
	static struct config configs[64];
	const unsigned rules = world.rules & 63;
	struct connection *c = &made[rules];
	struct config *config = &configs[rules];
	char error[CONFIG_ERROR];

	if (c->config != NULL) {
		return c;
	}
	configure(config, (rules & RULE_SYSTEM) != 0,
	    (rules & RULE_SMALL) != 0 ? SMALL : 1000000);
	config->plaintext_login =
	    (rules & RULE_CLEAR) != 0 ? PLAINTEXT_ALWAYS : PLAINTEXT_NEVER;
	c->config = config;
	c->names = names_load(config, error);
	c->aliases = aliases_load(config, error);
	MUST(c->names != NULL && c->aliases != NULL);
	c->can_tls = (rules & RULE_TLS) != 0;
	c->role = (rules & RULE_LOCAL) != 0        ? ROLE_LOCAL
	          : (rules & RULE_SUBMISSION) != 0 ? ROLE_SUBMISSION
	                                           : ROLE_MX;
	strlcpy(c->peer.address, "192.0.2.1", sizeof(c->peer.address));
	c->rfd = c->wfd = CLIENT;
	c->channel = c->mailbox = -1;
	c->body = world.body;
	return c;
}

/* ---- what must hold ---- */

/* A reply is printable, at most 512 octets, and says what kind it is. */
static void
check_reply(const char *line, size_t len)
{
	MUST(len >= 4 && len <= 510);
	MUST(line[0] >= '2' && line[0] <= '5' && line[3] != '\0');
	MUST(line[1] >= '0' && line[1] <= '5' && line[2] >= '0' &&
	     line[2] <= '9' && (line[3] == ' ' || line[3] == '-'));
	for (size_t i = 0; i < len; i++) {
		MUST((unsigned char)line[i] >= ' ' && line[i] != 0x7f);
	}
}

static bool
begins(const char *line, size_t len, const char *with)
{
	return len >= strlen(with) && memcmp(line, with, strlen(with)) == 0;
}

static void
check_replies(const struct account_of *a)
{
	const char *line = a->text, *end = a->text + a->len;
	unsigned taken = 0;

	while (line < end) {
		const char *lf = memchr(line, '\n', (size_t)(end - line));
		MUST(lf != NULL && lf > line && lf[-1] == '\r');
		size_t len = (size_t)(lf - line) - 1;
		check_reply(line, len);
		taken += begins(line, len, "250 2.0.0 Delivered as ") ||
		         begins(line, len, "250 2.0.0 Queued as ");
		line = lf + 1;
	}
	MUST(taken == a->taken);
}

/* The codes alone: texts have times and names in them. */
static size_t
codes(const struct account_of *a, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < a->len; i++) {
		if (i == 0 || a->text[i - 1] == '\n') {
			memcpy(out + n, a->text + i, 4);
			n += 4;
		}
	}
	return n;
}

static void
check_alike(const struct account_of *a, const struct account_of *b)
{
	char *x = malloc(a->len + 4), *y = malloc(b->len + 4);

	MUST(x != NULL && y != NULL);
	size_t n = codes(a, x), m = codes(b, y);
	MUST(n == m && memcmp(x, y, n) == 0);
	MUST(a->taken == b->taken);
	MUST(memcmp(a->bodies, b->bodies, sizeof(a->bodies)) == 0);
	free(y);
	free(x);
}

/* The message after our trace header, as a sum. */
static uint64_t
sum_of(const char *text, size_t len)
{
	uint64_t sum = 14695981039346656037u;

	for (size_t i = 0; i < len; i++) {
		sum = (sum ^ (unsigned char)text[i]) * 1099511628211u;
	}
	return sum;
}

/* A message that is handed on: whole lines, ended by LF and by nothing else. */
static uint64_t
check_body(int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);
	char *text = malloc((size_t)size + 1);

	MUST(size > 0 && text != NULL);
	MUST(pread(fd, text, (size_t)size, 0) == size);
	text[size] = '\0';
	MUST(strncmp(text, "Received: from ", 15) == 0);
	MUST(text[size - 1] == '\n');
	MUST(memchr(text, '\0', (size_t)size) == NULL);
	MUST(memchr(text, '\r', (size_t)size) == NULL);
	const char *body = text;
	do {
		body = strchr(body, '\n');
		MUST(body != NULL);
		body++;
	} while (*body == ' ' || *body == '\t');
	uint64_t sum = sum_of(body, (size_t)(text + size - body));
	free(text);
	return sum;
}

/* ---- the server ---- */

static enum status
deliver(const void *payload, size_t size)
{
	struct connection *c = connection();
	const struct task task = { .config = c->config,
		.peer = &c->peer,
		.user = "",
		.payload = payload,
		.size = size };
	struct account_of *a = world.account;
	char envid[MAIL_ENVID + 1];
	struct mail m;

	MUST(delivery_valid(payload, size) && size <= REQUEST_MAX);
	MUST(delivery_envelope(&task, time(NULL), &m));
	MUST(xtext_decode(m.envid, strlen(m.envid), envid, sizeof(envid)) >= 0);
	mail_free(&m);
	uint64_t sum = check_body(world.body);
	switch ((world.seed + a->taken) % 4) {
	case 0:
		return STATUS_FULL;
	case 1:
		return STATUS_TEMPORARY;
	}
	a->bodies[a->taken % MOST_BODIES] = world.user ? 1 : sum;
	a->taken++;
	world.seed = (unsigned char)(world.seed * 5 + 3);
	return a->taken % 2 == 0 ? STATUS_OK : STATUS_QUEUED;
}

/* Users begin with "u"; of those with "t" nobody can say. */
static enum status
answer_rcpt(const void *payload, size_t size, void *data, size_t room)
{
	const struct rcpt_question *q = payload;
	struct rcpt_answer a = { .found = RCPT_FOUND_USER };

	MUST(rcpt_valid(payload, size) && room == sizeof(a));
	MUST((q->ask & RCPT_LOOKUP) == 0 || q->user[0] != '\0');
	/* Nothing else would be worth a request here. */
	MUST((q->ask & (RCPT_LOOKUP | RCPT_REPORT)) != 0 &&
	     (q->ask & RCPT_GREYLIST) == 0);
	const char *text = q->whole[0] == 'u' ? q->whole : q->user;
	a.result = text[0] == 'u'   ? RCPT_OK
	           : text[0] == 't' ? RCPT_TEMPORARY
	                            : RCPT_NO;
	if (text == q->whole) {
		a.found = RCPT_FOUND_WHOLE;
	}
	if (a.result == RCPT_NO && (q->ask & RCPT_OR_ALIAS) != 0) {
		a.result = RCPT_OK;
		a.found = RCPT_FOUND_ALIAS;
	}
	memcpy(data, &a, sizeof(a));
	return STATUS_OK;
}

static enum status
answer(enum request_kind kind, const void *payload, size_t size)
{
	if (kind == REQUEST_LOGIN || kind == REQUEST_SALT ||
	    kind == REQUEST_PROOF) {
		MUST(login_valid(payload, size));
		bool good = (world.seed & 64) != 0;
		world.user = world.user || (good && kind == REQUEST_LOGIN);
		return good ? STATUS_OK : STATUS_NO;
	}
	if (kind == REQUEST_FLUSH) {
		MUST(etrn_valid(payload, size));
		return STATUS_QUEUED;
	}
	if (kind == REQUEST_DELIVER) {
		return deliver(payload, size);
	}
	return STATUS_NO;
}

/* ---- the run ---- */

static void
run(const uint8_t *data, size_t size, size_t step, struct account_of *a)
{
	world.rules = data[0];
	world.seed = data[1];
	world.in = (const char *)data + 2;
	world.in_len = size - 2;
	world.step = step;
	world.user = (world.rules & (RULE_LOCAL | RULE_SUBMISSION)) != 0;
	world.account = a;
	(void)session_run(connection());
	check_replies(a);
}

/* What is buffered after STARTTLS decides about it, and so the pieces. */
static bool
has_starttls(const char *text)
{
	return (text[0] & RULE_TLS) != 0 &&
	       memmem(text + 2, strlen(text + 2), "TTLS", 4) != NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct account_of whole = { .len = 0 }, parts = { .len = 0 };

	if (size < 2) {
		return 0;
	}
	if (world.body == 0) {
		world.body = memfd_create("body", MFD_CLOEXEC);
		MUST(world.body != -1);
	}
	run(data, size, size, &whole);
	run(data, size, 1 + data[1] % 7u, &parts);
	char *text = fuzz_text(data, size);
	for (size_t i = 2; i < size; i++) {
		text[i] = (char)(text[i] >= 'a' && text[i] <= 'z'
				     ? text[i] - 'a' + 'A'
				 : text[i] == '\0' ? ' '
						   : text[i]);
	}
	if (!has_starttls(text)) {
		check_alike(&whole, &parts);
	}
	free(text);
	free(whole.text);
	free(parts.text);
	return 0;
}

/* ---- in the place of others ---- */

ssize_t __wrap_recv(int fd, void *buf, size_t size, int flags);
ssize_t __wrap___recv_chk(
    int fd, void *buf, size_t size, size_t room, int flags);
ssize_t __wrap_send(int fd, const void *buf, size_t size, int flags);
int __wrap_clock_nanosleep(clockid_t clock, int flags,
    const struct timespec *wanted, struct timespec *left);
enum status __wrap_channel_call(
    int channel, enum request_kind kind, const void *payload, size_t size);
enum status __wrap_channel_ask(int channel, enum request_kind kind,
    const void *payload, size_t size, void *data, size_t room);
time_t __wrap_time(time_t *t);
void __wrap_mail_new_id(char id[MAIL_ID + 1]);
void __wrap_log_info(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));
void __wrap_log_warn(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));
void __wrap_log_info_as(const char *part, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

ssize_t
__wrap_recv(int fd, void *buf, size_t size, int flags)
{
	size_t n = world.in_len < world.step ? world.in_len : world.step;

	MUST(fd == CLIENT && (flags & MSG_DONTWAIT) != 0);
	n = n < size ? n : size;
	memcpy(buf, world.in, n);
	world.in += n;
	world.in_len -= n;
	return (ssize_t)n;
}

/* What fortified headers make of it. */
ssize_t
__wrap___recv_chk(int fd, void *buf, size_t size, size_t room, int flags)
{
	MUST(size <= room);
	return __wrap_recv(fd, buf, size, flags);
}

ssize_t
__wrap_send(int fd, const void *buf, size_t size, int flags)
{
	struct account_of *a = world.account;

	MUST(fd == CLIENT && (flags & MSG_NOSIGNAL) != 0);
	if (size > a->room - a->len) {
		a->room = (a->room + size) * 2;
		a->text = realloc(a->text, a->room);
		MUST(a->text != NULL);
	}
	memcpy(a->text + a->len, buf, size);
	a->len += size;
	return (ssize_t)size;
}

int
__wrap_clock_nanosleep(clockid_t clock, int flags,
    const struct timespec *wanted, struct timespec *left)
{
	(void)clock;
	(void)flags;
	(void)left;
	MUST(wanted->tv_sec >= 0 && wanted->tv_sec < 60);
	return 0;
}

enum status
__wrap_channel_call(
    int channel, enum request_kind kind, const void *payload, size_t size)
{
	(void)channel;
	return answer(kind, payload, size);
}

enum status
__wrap_channel_ask(int channel, enum request_kind kind, const void *payload,
    size_t size, void *data, size_t room)
{
	(void)channel;
	if (kind == REQUEST_RCPT) {
		return answer_rcpt(payload, size, data, room);
	}
	memset(data, 1, room);
	return answer(kind, payload, size);
}

/* What is added to a message, Date and Message-ID, is the same both times. */
time_t
__wrap_time(time_t *t)
{
	(void)t;
	return 1795330800;
}

void
__wrap_mail_new_id(char id[MAIL_ID + 1])
{
	memset(id, 'a', MAIL_ID);
	id[MAIL_ID] = '\0';
}

/* A line of the log is made, and goes nowhere. */
void
__wrap_log_info(const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	MUST(vsnprintf(text, sizeof(text), fmt, ap) >= 0);
	va_end(ap);
}

void
__wrap_log_warn(const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	MUST(vsnprintf(text, sizeof(text), fmt, ap) >= 0);
	va_end(ap);
}

void
__wrap_log_info_as(const char *part, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	MUST(part[0] != '\0');
	va_start(ap, fmt);
	MUST(vsnprintf(text, sizeof(text), fmt, ap) >= 0);
	va_end(ap);
}
