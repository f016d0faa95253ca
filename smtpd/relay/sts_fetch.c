/* SPDX-License-Identifier: ISC */
/* Gets an MTA-STS policy by HTTPS (RFC 8461 section 3.3). */
#include "smtpd/relay/sts.h"

#include "common/io/deadline.h"
#include "common/text/http.h"
#include "smtpd/relay/client_private.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
	PORT_HTTPS = 443,
	PATIENCE = 30 * 1000, /* ms for all of it */
};

/* Sends a request. */
static bool
request(struct tls_session *tls, int fd, const char *host, int64_t deadline)
{
	char text[512];
	int n = snprintf(text, sizeof(text),
	    "GET /.well-known/mta-sts.txt HTTP/1.1\r\n"
	    "Host: %s\r\n"
	    "User-Agent: restante\r\n"
	    "Accept: text/plain\r\n"
	    "Connection: close\r\n\r\n",
	    host);
	size_t len = n < 0 ? 0 : (size_t)n, done = 0;

	if (len == 0 || len >= sizeof(text)) {
		return false;
	}
	while (done < len) {
		ssize_t sent = tls_send(tls, text + done, len - done);
		if (sent > 0) {
			done += (size_t)sent;
		} else if (errno != EAGAIN ||
			   deadline_wait(fd, POLLOUT, deadline, true) == -1) {
			return false;
		}
	}
	return true;
}

/* Reads the answer; why is set if it is not one. */
static ssize_t
receive(struct tls_session *tls, int fd, int64_t deadline, char *body,
    size_t size, char why[CONFIG_ERROR])
{
	static char text[HTTP_HEAD + 2 * STS_TEXT];
	struct http_answer answer;
	enum http_read state = HTTP_MORE;
	size_t len = 0;
	bool closed = false;

	while (state == HTTP_MORE) {
		ssize_t n = tls_receive(tls, text + len, sizeof(text) - len);
		if (n == -1 && errno == EAGAIN) {
			if (deadline_wait(fd, POLLIN, deadline, true) == -1) {
				strlcpy(why, "it does not answer in time",
				    CONFIG_ERROR);
				return -1;
			}
			continue;
		}
		closed = n <= 0;
		len += n > 0 ? (size_t)n : 0;
		state = http_read((struct span){ text, len },
		    closed || len == sizeof(text), &answer, body, size);
	}
	if (state == HTTP_BAD) {
		strlcpy(
		    why, "its answer is malformed, or too long", CONFIG_ERROR);
	} else if (answer.status != 200) {
		snprintf(why, CONFIG_ERROR, "its answer has status %u",
		    answer.status);
	} else if (answer.type.len != strlen("text/plain") ||
		   strncasecmp(answer.type.at, "text/plain", answer.type.len) !=
		       0) {
		strlcpy(
		    why, "its answer is not of type text/plain", CONFIG_ERROR);
	} else {
		return (ssize_t)answer.len;
	}
	return -1;
}

ssize_t
sts_fetch(struct client *c, const char *domain, char *text, size_t size,
    char why[CONFIG_ERROR])
{
	const struct tls_want want = { .proof = TLS_PROOF_TRUST };
	int64_t deadline = deadline_now() + PATIENCE;
	struct connected peer;
	enum tls_fault fault;
	char host[DNS_NAME];
	ssize_t n = -1;

	if ((size_t)snprintf(host, sizeof(host), "mta-sts.%s", domain) >=
	    sizeof(host)) {
		strlcpy(why, "its name is too long", CONFIG_ERROR);
		return -1;
	}
	if (connect_host(
		c->dns, host, PORT_HTTPS, FAMILY_ANY, NULL, &peer, why) == -1) {
		return -1;
	}
	struct tls_session *tls =
	    tls_connect(c->tls, peer.fd, host, &want, deadline, &fault, why);
	if (tls != NULL) {
		strlcpy(why, "the connection was lost", CONFIG_ERROR);
		if (request(tls, peer.fd, host, deadline)) {
			n = receive(tls, peer.fd, deadline, text, size, why);
		}
		tls_close(tls);
	}
	close(peer.fd);
	return n;
}
