/* SPDX-License-Identifier: ISC */
/*
 * Records that ask for reports on TLS.  Guards against a receiver that nobody
 * has named, and against octets that become part of a command or request.
 */
#include "common/auth/tlsrpt.h"

#include "tests/unit/tap.h"

#include <stdio.h>
#include <string.h>

static void
test_records(void)
{
	static const struct {
		const char *text, *uris; /* all that can be used, with blanks */
	} cases[] = {
		{ "v=TLSRPTv1; rua=mailto:a@b.example", "a@b.example" },
		{ "v=TLSRPTv1;rua=mailto:a@b.example", "a@b.example" },
		{ "v=TLSRPTv1; rua=mailto:a@b.example;", "a@b.example" },
		{ "v=TLSRPTv1; rua=MAILTO:a@b.example , HTTPS://c.example/x",
		    "a@b.example https://c.example/x" },
		{ "v=TLSRPTv1; rua=https://c.example", "https://c.example" },
		{ "v=TLSRPTv1; x=y; rua=https://c.example:8443?a=b%2Cc",
		    "https://c.example:8443?a=b%2Cc" },
		{ "v=TLSRPTv1; rua=ftp://c.example,mailto:a@b.example",
		    "a@b.example" },
		{ "v=TLSRPTv1; rua=http://c.example", "" },
		{ "v=TLSRPTv1; rua=https://", "" },
		{ "v=TLSRPTv1; rua=https://u@c.example/", "" },
		{ "v=TLSRPTv1; rua=https://c.example:0/", "" },
		{ "v=TLSRPTv1; rua=https://c.example:65536/", "" },
		{ "v=TLSRPTv1; rua=https://c.example:/", "" },
		{ "v=TLSRPTv1; rua=https://c.example:99999999999/", "" },
		{ "v=TLSRPTv1; rua=https://c.example/a b", "" },
		{ "v=TLSRPTv1; rua=https://c.example/\r\nx", "" },
		{ "v=TLSRPTv1; rua=https://c.example/#x", "" },
		{ "v=TLSRPTv1; rua=mailto:a@b.example?subject=x", "" },
		{ "v=TLSRPTv1; rua=mailto:\"a b\"@c.example", "" },
		{ "v=TLSRPTv1; rua=mailto:a@[192.0.2.1]", "" },
		{ "v=TLSRPTv1; rua=mailto:a@", "" },
		{ "v=TLSRPTv1; rua=,,", "" },
		{ "v=TLSRPTv1; rua=", "-" },
		{ "v=TLSRPTv1;", "-" },
		{ "v=TLSRPTv1", "-" },
		{ "v=TLSRPTv2; rua=mailto:a@b.example", "-" },
		{ "V=TLSRPTv1; rua=mailto:a@b.example", "-" },
		{ "rua=mailto:a@b.example; v=TLSRPTv1;", "-" },
		{ "v=TLSRPTv1; rua=mailto:a@b.example; rua=mailto:c@d.example",
		    "-" },
		{ "", "-" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct span text = { cases[i].text, strlen(cases[i].text) };
		struct tlsrpt_uri uri;
		struct span rua;
		char found[256] = "";
		bool good = tlsrpt_record_read(text, &rua);
		while (good && tlsrpt_uri_next(&rua, &uri)) {
			strlcat(
			    found, found[0] != '\0' ? " " : "", sizeof(found));
			strlcat(found, uri.text, sizeof(found));
		}
		ok(strcmp(good ? found : "-", cases[i].uris) == 0, "%s: %s",
		    cases[i].text, good ? found : "-");
	}
}

static void
test_web(void)
{
	static const char text[] = "https://c.example:8443/a?b";
	struct span rua = { text, strlen(text) };
	struct tlsrpt_uri uri;

	ok(tlsrpt_uri_next(&rua, &uri) && uri.web && uri.port == 8443 &&
		strcmp(uri.host, "c.example") == 0 &&
		strcmp(uri.text + uri.path, "/a?b") == 0,
	    "the parts of a URI");
	char large[2 * TLSRPT_URI];
	memset(large, 'a', sizeof(large));
	memcpy(large, "https://c.example/", 18);
	rua = (struct span){ large, sizeof(large) };
	ok(!tlsrpt_uri_next(&rua, &uri), "one that does not fit");
}

int
main(void)
{
	test_records();
	test_web();
	return tap_done();
}
