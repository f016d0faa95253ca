/* SPDX-License-Identifier: ISC */
/* Names in a Maildir: flags, and the order of other servers. */
#include "spool/maildir.h"

#include "tests/unit/tap.h"

#include <string.h>

static const struct {
	const char *name;
	bool good;
	size_t base;
	uint64_t when;
	const char *old, *recent; /* fields in cur and in new */
} names[] = {
	{ "1700000000.M1P2.host,S=3,W=4:2,S", true, 28, 1700000000,
	    "Status: RO\n", "Status: RO\n" },
	{ "12.a", true, 4, 12, "Status: O \n", "Status:   \n" },
	{ "12.a:2,", true, 4, 12, "Status: O \n", "Status:   \n" },
	{ "12.a:2,DFPRST", true, 4, 12, "Status: RO\nX-Status: AFDT\n",
	    "Status: RO\nX-Status: AFDT\n" },
	{ "12.a:2,Ra", true, 4, 12, "Status: O \nX-Status: A\n",
	    "Status:   \nX-Status: A\n" },
	{ "12.a:1,S", true, 4, 12, "Status: O \n", "Status:   \n" },
	{ "12.a:S", true, 4, 12, "Status: O \n", "Status:   \n" },
	{ "a:2,S", true, 1, 0, "Status: RO\n", "Status: RO\n" },
	{ "18446744073709551616", true, 20, 0, "Status: O \n", "Status:   \n" },
	{ ".12.a:2,S", false, 0, 0, NULL, NULL },
	{ ":2,S", false, 0, 0, NULL, NULL },
	{ "", false, 0, 0, NULL, NULL },
	{ "a/b", false, 0, 0, NULL, NULL },
};

static void
test_names(void)
{
	char fields[MAILDIR_FIELDS];
	struct maildir_name n;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		bool good = maildir_name(names[i].name, &n);
		ok(good == names[i].good, "\"%s\"", names[i].name);
		if (!good) {
			continue;
		}
		ok(n.base == names[i].base && n.when == names[i].when,
		    "its parts");
		maildir_fields(&n, true, fields);
		ok(strcmp(fields, names[i].old) == 0, "in cur");
		maildir_fields(&n, false, fields);
		ok(strcmp(fields, names[i].recent) == 0, "in new");
	}
}

static void
test_order(void)
{
	static const char *const list[] = { "", "a", "9.b", "10.a:2,S", "10.b",
		"10.b.c:2,", "10.bc", "100" };
	size_t n = sizeof(list) / sizeof(list[0]);

	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < n; k++) {
			int c = maildir_compare(list[i], list[k]);
			ok((c < 0) == (i < k) && (c > 0) == (i > k),
			    "\"%s\" and \"%s\"", list[i], list[k]);
		}
	}
	ok(maildir_compare("10.a:2,S", "10.a") == 0, "flags do not matter");
}

int
main(void)
{
	test_names();
	test_order();
	return tap_done();
}
