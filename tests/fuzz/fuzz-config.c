/* SPDX-License-Identifier: ISC */
/* Configurations: good, or an error that names file and line. */
#include "common/config/config.h"

#include "common/text/address.h"
#include "tests/fuzz/fuzz-file.h"

#include <stdlib.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *path = fuzz_file(data, size);
	char error[CONFIG_ERROR] = "";
	struct config *c = config_load(path, error);

	if (c == NULL) {
		MUST(strncmp(error, path, strlen(path)) == 0);
		MUST(strlen(error) < sizeof(error));
		return 0;
	}
	MUST(address_is_domain(c->hostname));
	MUST(c->ndomains > 0 && c->ndomains <= CONFIG_LIST);
	for (size_t i = 0; i < c->ndomains; i++) {
		MUST(address_is_domain(c->domains[i]));
		MUST(config_is_ours(c, c->domains[i]));
	}
	MUST(c->ntls <= CONFIG_LIST && strlen(c->mailbox) < PATH_MAX);
	MUST(c->sessions > 0 && c->sessions <= 1000000);
	free(c);
	return 0;
}
