/* SPDX-License-Identifier: ISC */
/* Answers of name servers: what is read from them fits, and is a name. */
#include "common/dns/dns.h"

#include "common/text/address.h"
#include "tests/fuzz/fuzz.h"

#include <arpa/nameser.h>
#include <string.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int types[] = { ns_t_a, ns_t_aaaa };
	struct dns_mx hosts[DNS_HOSTS];
	struct dns_address addresses[DNS_ADDRESSES];
	size_t count;

	enum dns_status status = dns_parse_mx(data, size, hosts, &count);
	MUST(count <= DNS_HOSTS && (status == DNS_OK) == (count > 0));
	for (size_t i = 0; i < count; i++) {
		MUST(hosts[i].preference <= 65535);
		MUST(hosts[i].host[0] == '\0' ||
		     address_is_domain(hosts[i].host));
	}
	count = 0;
	for (int i = 0; i < 2; i++) {
		size_t before = count;
		status = dns_parse_addresses(
		    data, size, types[i], addresses, &count);
		MUST(count <= DNS_ADDRESSES && count >= before);
		MUST(status != DNS_OK || count > before ||
		     count == DNS_ADDRESSES);
		for (size_t k = before; k < count; k++) {
			MUST(addresses[k].len > 0);
		}
	}
	char text[32];
	status = dns_parse_text(data, size, text, sizeof(text));
	MUST((status == DNS_OK) == (text[0] != '\0'));
	MUST(strlen(text) < sizeof(text));
	return 0;
}
