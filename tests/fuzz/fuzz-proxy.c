/* SPDX-License-Identifier: ISC */
/*
 * A PROXY header: whole or fed as it is asked for, it is the same; and what is
 * asked for is never beyond its end.
 */
#include "common/session/proxy.h"

#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy whole, p;
	enum proxy_result all = proxy_parse(data, size, &whole), result;
	size_t have = 0;

	while ((result = proxy_parse(data, have, &p)) == PROXY_MORE) {
		MUST(p.need > 0 && have + p.need <= PROXY_MOST);
		if (p.need > size - have) {
			break;
		}
		have += p.need;
	}
	if (result == PROXY_DONE) {
		MUST(p.length == have && p.length <= PROXY_MOST);
		MUST(all == PROXY_DONE && whole.length == p.length);
		MUST(whole.kind == p.kind && whole.port == p.port &&
		     p.port <= 65535 &&
		     memcmp(whole.address, p.address, sizeof(p.address)) == 0);
	} else {
		MUST(all != PROXY_DONE || result == PROXY_MORE);
	}
	return 0;
}
