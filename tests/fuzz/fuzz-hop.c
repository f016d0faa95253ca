/* SPDX-License-Identifier: ISC */
/* Next hops: what was read is what its text says, without the password. */
#include "smtpd/route/hop.h"

#include "tests/fuzz/fuzz.h"

/* All but the password, which no text has. */
static bool
are_same(const struct hop *a, const struct hop *b)
{
	return a->transport == b->transport && a->mx == b->mx &&
	       a->unix_socket == b->unix_socket && a->wrapped == b->wrapped &&
	       a->tls == b->tls && a->port == b->port &&
	       strcmp(a->host, b->host) == 0 && strcmp(a->user, b->user) == 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hop h, again;
	static char text[HOP_TEXT], second[HOP_TEXT];
	char error[CONFIG_ERROR] = "";
	char *url = fuzz_text(data, size);

	if (hop_parse(&h, url, "example.org", error) == -1) {
		MUST(error[0] != '\0' && strlen(error) < sizeof(error));
		free(url);
		return 0;
	}
	MUST(strlen(hop_text(&h, text)) < sizeof(text));
	MUST(h.unix_socket || (h.port > 0 && h.port < 65536));
	MUST(h.host[0] != '\0' && strlen(h.user) <= HOP_USER);
	/* "mx DOMAIN:PORT" says the domain, too, which is given apart. */
	const char *domain = "";
	if (h.mx) {
		const char *port = strchr(text, ':');
		domain = h.host;
		snprintf(second, sizeof(second), "mx%s", port ? port : "");
	}
	MUST(hop_parse(&again, h.mx ? second : text, domain, error) == 0);
	MUST(are_same(&again, &h));
	MUST(strcmp(hop_text(&again, second), text) == 0);
	free(url);
	return 0;
}
