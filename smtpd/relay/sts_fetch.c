/* SPDX-License-Identifier: ISC */
/* Gets an MTA-STS policy by HTTPS (RFC 8461 section 3.3). */
#include "smtpd/relay/sts_fetch.h"

#include "smtpd/relay/https.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
	PORT_HTTPS = 443,
	PATIENCE = 30 * 1000, /* ms for all of it */
};

static const char plain[] = "text/plain";

ssize_t
sts_fetch(struct dns *dns, const struct tls_client *tls, const char *domain,
    char *text, size_t size, bool *untrusted, char why[CONFIG_ERROR])
{
	char host[DNS_NAME];
	const struct https_request request = { .host = host,
		.port = PORT_HTTPS,
		.path = STS_PATH,
		.fields = "Accept: text/plain\r\n",
		.patience = PATIENCE };
	struct http_answer answer;

	*untrusted = false;
	if ((size_t)snprintf(host, sizeof(host), "mta-sts.%s", domain) >=
	    sizeof(host)) {
		strlcpy(why, "its name is too long", CONFIG_ERROR);
		return -1;
	}
	enum https_result result =
	    https_ask(dns, tls, &request, &answer, text, size, why);
	*untrusted = result == HTTPS_UNTRUSTED;
	if (result != HTTPS_ANSWERED) {
		return -1;
	}
	if (answer.status != 200) {
		snprintf(why, CONFIG_ERROR, "its answer has status %u",
		    answer.status);
		return -1;
	}
	if (answer.type.len != sizeof(plain) - 1 ||
	    strncasecmp(answer.type.at, plain, sizeof(plain) - 1) != 0) {
		strlcpy(
		    why, "its answer is not of type text/plain", CONFIG_ERROR);
		return -1;
	}
	return (ssize_t)answer.len;
}
