/* SPDX-License-Identifier: ISC */
/* TXT records that the DNS has, one a line, against some of ours. */
#include "smtpd/admin/zone_private.h"

#include "tests/fuzz/fuzz.h"

static void
compare(const struct zone_record *r, const struct dns_texts *texts)
{
	static struct zone_finding f;

	f = (struct zone_finding){ .len = 0 };
	zone_compare_texts(r, texts, &f);
	MUST(f.len < sizeof(f.found) && strlen(f.found) == f.len);
	MUST(strlen(f.note) < sizeof(f.note));
	for (size_t i = 0; i < f.len; i++) {
		MUST(f.found[i] == '\n' ||
		     (f.found[i] >= ' ' && f.found[i] < 0x7f));
	}
	MUST(texts->count > 0 || f.word == ZONE_MISSING);
}

/* The same octets, as a policy that a web server has. */
static void
judge(const char *text, size_t len)
{
	static const struct dns_mx hosts[] = { { .host = "a.example" } };
	static struct zone zone = { .policy = "version: STSv1\n",
		.policy_id = "1" };
	static struct zone_finding f;

	f = (struct zone_finding){ .len = 0 };
	zone_judge_policy(&zone, "1", (struct span){ text, len }, hosts, 1, &f);
	MUST(f.word == ZONE_OK || f.word == ZONE_DIFFERS);
	MUST(f.len < sizeof(f.found) && strlen(f.found) == f.len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const ours[] = { "v=spf1 mx ip4:192.0.2.1 ~all",
		"v=DMARC1; p=none; rua=mailto:postmaster@example.org",
		"v=TLSRPTv1; rua=mailto:postmaster@example.org",
		"v=STSv1; id=0123456789abcdef",
		"v=DKIM1; k=ed25519; "
		"p=x1V6um8Fm7DUk0KY20ikUXeTgEEAIN5/ZaX6/8mmUtA=" };
	static struct zone_record r = { .type = ZONE_TXT };
	static struct dns_texts texts;
	char *text = fuzz_text(data, size), *rest = text, *line;

	judge((const char *)data, size);
	texts.count = 0;
	while (
	    (line = strsep(&rest, "\n")) != NULL && texts.count < DNS_TEXTS) {
		size_t n = strlen(line);
		n = n < DNS_TEXT - 1 ? n : DNS_TEXT - 1;
		memcpy(texts.all[texts.count].octets, line, n);
		texts.all[texts.count].octets[n] = '\0';
		texts.all[texts.count++].len = n;
	}
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		strlcpy(r.value, ours[i], sizeof(r.value));
		compare(&r, &texts);
	}
	free(text);
	return 0;
}
