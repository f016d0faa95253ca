/* SPDX-License-Identifier: ISC */
/* Next hops: what was read is what its text says, without the password. */
#include "smtpd/route/hop.h"

#include "tests/fuzz/fuzz.h"

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
	if (!h.mx) {
		MUST(hop_parse(&again, text, "", error) == 0);
		MUST(strcmp(hop_text(&again, second), text) == 0);
		MUST(strcmp(again.user, h.user) == 0);
	}
	free(url);
	return 0;
}
