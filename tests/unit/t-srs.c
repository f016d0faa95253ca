/* SPDX-License-Identifier: ISC */
/*
 * The Sender Rewriting Scheme.  Guards against addresses that somebody else
 * made, or that are old, and lead anywhere; and against bounces that get lost.
 */
#include "common/auth/srs.h"

#include "tests/unit/tap.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

enum { DAY = 86400, NOW = 1796100000 };

static const struct srs_keys keys = { 1, { { 1, 2, 3 } } };
static const struct srs_keys other = { 1, { { 9 } } };
static const struct srs_keys changed = { 2, { { 9 }, { 1, 2, 3 } } };

static const char *const senders[] = { "a@b.example", "A.b+c@B.Example",
	"x=y=z@b.example", "=@b.example", "srs@b.example", "SRS0x@b.example",
	"SRS0=@b.example", "SRS1=x@b.example",
	"SRS0=AAAA=BB=c.example=d@b.example",
	"srs0+AAAA-BB=c.example=d@b.example",
	"SRS1=HHHH=c.example==AAAA=BB=d.example=e@b.example",
	"SRS1=HHHH=c.example==@b.example", "\xc3\xa4@\xc3\xb6.example" };

static void
forward(const char *sender, time_t now, char out[512])
{
	if (srs_forward(sender, "our.example", &keys, now, out, 512) == -1) {
		out[0] = '\0';
	}
}

static void
test_there_and_back(void)
{
	char there[512], back[512];

	for (size_t i = 0; i < sizeof(senders) / sizeof(senders[0]); i++) {
		int n = srs_forward(senders[i], "our.example", &keys, NOW,
		    there, sizeof(there));
		enum srs_back r =
		    srs_reverse(there, &keys, NOW, back, sizeof(back));
		ok(n == 0 && r == SRS_GOOD &&
			strlen(there) <= SRS_LOCAL + strlen("@our.example"),
		    "%s: %s: %s", senders[i], there, back);
		bool same = strcasecmp(back, senders[i]) == 0;
		ok(same || strncasecmp(senders[i], "SRS", 3) == 0,
		    "it leads back");
		ok(srs_reverse(there, &other, NOW, back, sizeof(back)) ==
			    SRS_FORGED &&
			srs_reverse(there, &changed, NOW, back, sizeof(back)) ==
			    SRS_GOOD,
		    "another key does not, an earlier one does");
	}
	forward(
	    "SRS1=HHHH=c.example==AAAA=BB=d.example=e@b.example", NOW, there);
	ok(srs_reverse(there, &keys, NOW, back, sizeof(back)) == SRS_GOOD &&
		strcmp(back, "SRS0=AAAA=BB=d.example=e@c.example") == 0,
	    "SRS1 leads to the first host: %s", back);
}

static void
test_forged(void)
{
	char there[512], back[512], spoilt[512];
	bool good = true;

	forward("joe@b.example", NOW, there);
	size_t len = (size_t)(strchr(there, '@') - there);
	for (size_t i = 5; i < len; i++) {
		for (int c = ' ' + 1; c < 0x7f; c++) {
			strlcpy(spoilt, there, sizeof(spoilt));
			if (tolower(spoilt[i]) == tolower(c)) {
				continue;
			}
			spoilt[i] = (char)c;
			good &= srs_reverse(spoilt, &keys, NOW, back,
				    sizeof(back)) != SRS_GOOD;
		}
	}
	ok(good, "no other octet in it is taken");
	for (size_t i = 5; i <= len; i++) {
		snprintf(
		    spoilt, sizeof(spoilt), "%.*s@our.example", (int)i, there);
		good &= i == len || srs_reverse(spoilt, &keys, NOW, back,
					sizeof(back)) != SRS_GOOD;
	}
	ok(good, "nor a part of it");
	for (char *p = there; *p != '=' || p < there + 5; p++) {
		*p = (char)tolower(*p);
	}
	ok(srs_reverse(there, &keys, NOW, back, sizeof(back)) == SRS_GOOD,
	    "small letters are: %s", there);
}

static void
test_days(void)
{
	char there[512], back[512];
	bool good = true;

	for (time_t start = NOW; start < NOW + 1100 * (time_t)DAY;
	     start += 97 * DAY) {
		forward("joe@b.example", start, there);
		for (int day = -3; day < 900; day++) {
			enum srs_back r = srs_reverse(there, &keys,
			    start + day * (time_t)DAY, back, sizeof(back));
			bool fresh = day >= -1 && day <= SRS_DAYS;
			good &= r == (fresh ? SRS_GOOD : SRS_EXPIRED);
		}
	}
	ok(good, "good for %d days, and a day before", SRS_DAYS);
}

static void
test_refused(void)
{
	static const struct {
		const char *sender;
		int error;
	} bad[] = {
		{ "", EINVAL },
		{ "joe", EINVAL },
		{ "@b.example", EINVAL },
		{ "joe@", EINVAL },
		{ "\"a b\"@c.example", EINVAL },
		{ "a@b=c", EINVAL },
		{ "a-local-part-that-is-quite-long-as-some-lists-make-them@"
		  "b.example",
		    EMSGSIZE },
	};
	static const char *const none[] = { "joe@our.example", "SRS@x", "srs0",
		"SRS2=a=b=c=d@our.example", "SRS0@our.example", "" };
	char out[512];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		errno = 0;
		ok(srs_forward(bad[i].sender, "our.example", &keys, NOW, out,
		       sizeof(out)) == -1 &&
			errno == bad[i].error,
		    "not rewritten: %s", bad[i].sender);
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		ok(srs_reverse(none[i], &keys, NOW, out, sizeof(out)) ==
			SRS_NONE,
		    "not of the scheme: %s", none[i]);
	}
	ok(srs_forward("a@b.example", "our.example", &keys, NOW, out, 20) ==
		    -1 &&
		errno == EMSGSIZE,
	    "no room");
}

int
main(void)
{
	test_there_and_back();
	test_forged();
	test_days();
	test_refused();
	return tap_done();
}
