/* SPDX-License-Identifier: ISC */
/* Requests by HTTPS: HTTP/1.1 (RFC 9112), a connection for each. */
#include "smtpd/relay/https.h"

#include "common/io/deadline.h"
#include "smtpd/relay/connect.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FIELDS = 1024 }; /* octets of the head of a request */

/* A request under way. */
struct asking {
	struct tls_session *tls;
	int fd;
	int64_t deadline;
};

static bool
send_all(const struct asking *a, const char *text, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t sent = tls_send(a->tls, text + done, len - done);
		if (sent > 0) {
			done += (size_t)sent;
		} else if (errno != EAGAIN || deadline_wait(a->fd, POLLOUT,
						  a->deadline, true) == -1) {
			return false;
		}
	}
	return true;
}

static bool
send_request(const struct asking *a, const struct https_request *r)
{
	char text[FIELDS], length[48] = "";

	if (r->body.len > 0) {
		snprintf(length, sizeof(length), "Content-Length: %zu\r\n",
		    r->body.len);
	}
	int n = snprintf(text, sizeof(text),
	    "%s %s HTTP/1.1\r\n"
	    "Host: %s\r\n"
	    "User-Agent: restante\r\n"
	    "%s%s"
	    "Connection: close\r\n\r\n",
	    r->body.len > 0 ? "POST" : "GET", r->path, r->host, r->fields,
	    length);
	return n > 0 && (size_t)n < sizeof(text) &&
	       send_all(a, text, (size_t)n) &&
	       send_all(a, r->body.at, r->body.len);
}

static enum https_result
receive(const struct asking *a, struct http_answer *answer, char *body,
    size_t size, char why[CONFIG_ERROR])
{
	/* The answer points into it. */
	static char text[HTTP_HEAD + HTTPS_BODY];
	enum http_read state = HTTP_MORE;
	size_t len = 0;
	bool closed = false;

	while (state == HTTP_MORE) {
		ssize_t n = tls_receive(a->tls, text + len, sizeof(text) - len);
		if (n == -1 && errno == EAGAIN) {
			if (deadline_wait(a->fd, POLLIN, a->deadline, true) ==
			    -1) {
				strlcpy(why, "it does not answer in time",
				    CONFIG_ERROR);
				return HTTPS_SILENT;
			}
			continue;
		}
		if (n == -1 || (n == 0 && tls_is_cut(a->tls))) {
			break; /* RFC 9112 section 9.8: it is not whole */
		}
		closed = n == 0;
		len += (size_t)n;
		state = http_read((struct span){ text, len },
		    closed || len == sizeof(text), answer, body, size);
	}
	if (state == HTTP_MORE) {
		strlcpy(why, "the connection was cut", CONFIG_ERROR);
		return HTTPS_SILENT;
	}
	if (state == HTTP_BAD) {
		strlcpy(
		    why, "its answer is malformed, or too long", CONFIG_ERROR);
		return HTTPS_SILENT;
	}
	return HTTPS_ANSWERED;
}

enum https_result
https_ask(struct dns *dns, const struct tls_client *client,
    const struct https_request *r, struct http_answer *answer, char *body,
    size_t size, char why[CONFIG_ERROR])
{
	const struct tls_want want = { .proof = TLS_PROOF_TRUST };
	struct asking a = { .deadline = deadline_now() + r->patience };
	struct connected peer;
	enum tls_fault fault;
	enum https_result result = HTTPS_SILENT;

	if (connect_host(dns, r->host, r->port, FAMILY_ANY, NULL, &peer, why) ==
	    -1) {
		return HTTPS_SILENT;
	}
	a.fd = peer.fd;
	a.tls = tls_connect(
	    client, peer.fd, r->host, &want, a.deadline, &fault, why);
	if (a.tls != NULL) {
		strlcpy(why, "the connection was lost", CONFIG_ERROR);
		if (send_request(&a, r)) {
			result = receive(&a, answer, body, size, why);
		}
		tls_close(a.tls);
	} else if (fault != TLS_FAULT_OTHER) {
		result = HTTPS_UNTRUSTED;
	}
	close(peer.fd);
	return result;
}
