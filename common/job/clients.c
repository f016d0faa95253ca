/* SPDX-License-Identifier: ISC */
/* See the header. */
#include "common/job/clients.h"

#include <string.h>

const struct trusted *
client_trusted(const struct config *config, const struct peer *peer)
{
	for (size_t i = 0; i < config->ntrusts; i++) {
		if (peer_is_in(peer, &config->trusts[i].network)) {
			return &config->trusts[i];
		}
	}
	return NULL;
}

const char *
client_account(const struct config *config, const struct peer *peer)
{
	const struct trusted *t = client_trusted(config, peer);

	return t == NULL ? NULL : t->name[0] != '\0' ? t->name : t->text;
}

/*
 * What an extension cannot do without: RFC 3030 section 3, and RFC 6531 section
 * 3.1.
 */
static const struct {
	const char *extension, *needs;
} needs[] = {
	{ "BINARYMIME", "CHUNKING" },
	{ "SMTPUTF8", "8BITMIME" },
};

/* The extension of a line, with what it needs. */
static uint64_t
extensions_of(const char *line)
{
	uint64_t own = config_extension(line), all = own;

	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		if (own == config_extension(needs[i].extension)) {
			all |= config_extension(needs[i].needs);
		}
	}
	return all;
}

bool
client_is_offered(
    const struct config *config, const struct peer *peer, const char *line)
{
	for (size_t i = 0; i < config->nhidden; i++) {
		const struct hidden *h = &config->hidden[i];
		if ((h->extensions & extensions_of(line)) != 0 &&
		    (h->everybody || peer_is_in(peer, &h->network))) {
			return false;
		}
	}
	return true;
}
