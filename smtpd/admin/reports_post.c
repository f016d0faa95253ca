/* SPDX-License-Identifier: ISC */
/* Sends reports on TLS to web servers (RFC 8460 section 5.4). */
#include "smtpd/admin/reports_send_private.h"

#include "common/auth/tlsrpt.h"
#include "common/log/log.h"
#include "common/process/privilege.h"
#include "common/process/process.h"
#include "common/process/sandbox.h"
#include "common/tls/tls_client.h"
#include "smtpd/relay/https.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sysexits.h>

enum {
	POSTING = 60 * 1000, /* ms, and a half of it for the web server */
	ANSWER = 1024,       /* octets that it may say, which nobody reads */
};

struct posting {
	const struct config *config;
	struct dns *dns;
	struct tlsrpt_uri uri;
	struct span data;
	/* With the process: */
	unsigned status;
	char why[CONFIG_ERROR];
};

static int
post_confined(void *context)
{
	struct posting *p = context;
	int none[] = { -1 };
	struct tls_client *tls = tls_client_open(p->config, true, p->why);
	static char answer[ANSWER];
	const char *rest = p->uri.text + p->uri.path;
	char path[TLSRPT_URI + 1];
	const struct https_request request = {
		.host = p->uri.host,
		.port = p->uri.port,
		.path = path,
		.fields = "Content-Type: application/tlsrpt+gzip\r\n",
		.body = p->data,
		.patience = POSTING / 2,
	};
	struct http_answer head;

	process_close_others(none, 1);
	snprintf(path, sizeof(path), "%s%s", rest[0] == '/' ? "" : "/", rest);
	if (tls == NULL) {
		return EX_OK;
	}
	privilege_become_client(p->config, SANDBOX_MEMORY);
	if (https_ask(p->dns, tls, &request, &head, answer, sizeof(answer),
		p->why) == HTTPS_ANSWERED) {
		p->status = head.status;
	}
	return EX_OK;
}

bool
report_is_web(const char *to)
{
	return strncmp(to, "https://", 8) == 0;
}

bool
report_post(const struct config *config, struct dns *dns, const char *to,
    const char *data, size_t len)
{
	struct span rua = { to, strlen(to) };
	struct posting *p = mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;

	if (p == MAP_FAILED) {
		return false;
	}
	p->config = config;
	p->dns = dns;
	p->data = (struct span){ data, len };
	strlcpy(p->why, "it does not answer in time", sizeof(p->why));
	bool good =
	    tlsrpt_uri_next(&rua, &p->uri) && p->uri.web &&
	    process_run(post_confined, p, POSTING, &status) == PROCESS_EXITED &&
	    status == EX_OK && p->status / 100 == 2;
	if (!good) {
		p->why[sizeof(p->why) - 1] = '\0';
		if (p->status != 0) {
			snprintf(p->why, sizeof(p->why),
			    "its answer has status %u", p->status);
		}
		log_warn("a report on TLS was not taken by %s: %s", to, p->why);
	}
	munmap(p, sizeof(*p));
	return good;
}
