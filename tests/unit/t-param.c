/* SPDX-License-Identifier: ISC */
/*
 * Boundaries, charsets and file names: senders write them in many ways, and a
 * boundary that is misread makes one part of many.
 */
#include "common/mime/param.h"

#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

#include <errno.h>

static const struct {
	const char *value, *type;
} types[] = {
	{ "text/plain", "text/plain" },
	{ " Text/HTML ; charset=x", "text/html" },
	{ "(c) text / (d(e)) plain (f);", "text/plain" },
	{ "attachment", "attachment" },
	{ "text/plain\r\n ; a=b", "text/plain" },
	{ "", NULL },
	{ ";charset=x", NULL },
	{ "charset=x", NULL },
	{ "\"text/plain\"", NULL },
};

static const struct {
	const char *value, *name, *means; /* NULL: there is none */
} values[] = {
	{ "a/b; charset=utf-8", "charset", "utf-8" },
	{ "a/b; CharSet = \"utf-8\"", "charset", "utf-8" },
	{ "a/b; charset=us-ascii (plain)", "charset", "us-ascii" },
	{ "a/b;charset=x;charset=y", "charset", "x" },
	{ "a/b; boundary=\"a;b\\\"c\"", "boundary", "a;b\"c" },
	{ "a/b; boundary=\"x charset=y\"", "charset", NULL },
	{ "a/b; (charset=x) y=z", "charset", NULL },
	{ "a/b; filename=my file(1).txt ; x=y", "filename", "my file(1).txt" },
	{ "a/b; filename=\"open", "filename", "open" },
	{ "a/b; x; ; =; name=c", "name", "c" },
	{ "a/b; name=", "name", "" },
	{ "a/b", "name", NULL },
	{ "a; f*0=ab; f*1=cd", "f", "abcd" },
	{ "a; f*1=cd; f*0=ab; f*3=x", "f", "abcd" },
	{ "a; f*0*=utf-8''%C3; f*1*=%A9; f*2=\"%41\"", "f", "\303\251%41" },
	{ "a; f=old; f*=utf-8'de'%C3%A9", "f", "\303\251" },
	{ "a; f*=iso-8859-1''%E9", "f", "\303\251" },
	{ "a; f*=plain", "f", "plain" },
	{ "a; f=\"=?utf-8?q?=C3=A9?=\"", "f", "\303\251" },
	{ "a; f=\303\251", "f", "\303\251" },
	{ "a; f=\351", "f", "\357\277\275" },
	{ "a; f*999999=x", "f", NULL },
	{ "a; f*x=y", "f", NULL },
	{ "a; f=\"a\r\n b\"", "f", "a b" },
};

static const struct {
	const char *value, *means, *words;
} written[] = {
	{ "a.txt", ";\n filename=a.txt", NULL },
	{ "a b\"c\\.txt", ";\n filename=\"a b\\\"c\\\\.txt\"", NULL },
	{ "", ";\n filename=\"\"", NULL },
	{ "a\nb", ";\n filename=a_b", NULL },
	{ "\303\251.txt", ";\n filename*=utf-8''%C3%A9.txt",
	    ";\n filename=\"=?utf-8?B?w6kudHh0?=\"" },
	{ "\377", ";\n filename*=unknown-8bit''%FF",
	    ";\n filename=\"=?unknown-8bit?Q?=FF?=\"" },
	{ "=?x?=", ";\n filename*=utf-8''%3D%3Fx%3F%3D",
	    ";\n filename=\"=?utf-8?B?PT94Pz0=?=\"" },
};

static void
test_read(void)
{
	char type[PARAM_TYPE], out[128];

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		const char *want = types[i].type;
		bool is =
		    param_type(types[i].value, strlen(types[i].value), type);
		ok(is == (want != NULL) && strcmp(type, is ? want : "") == 0,
		    "type: case %zu", i);
	}
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		const char *want = values[i].means;
		errno = 0;
		ssize_t n = param_text(values[i].value, strlen(values[i].value),
		    values[i].name, out, sizeof(out));
		bool good = want == NULL ? n == -1 && errno == ENOENT
		                         : n == (ssize_t)strlen(want) &&
		                               strcmp(out, want) == 0;
		if (!ok(good, "value: case %zu", i)) {
			note("%s", n == -1 ? "none" : out);
		}
	}
	ok(param_get("a; b=cde", 8, "b", out, 3) == -1 && errno == EMSGSIZE,
	    "no room");
	ok(param_get("a; f*=iso-8859-1''%E9", 21, "f", out, sizeof(out)) == 1,
	    "octets as they are");
}

static void
test_written(void)
{
	char out[512];

	for (size_t i = 0; i < sizeof(written) / sizeof(written[0]); i++) {
		const char *value = written[i].value;
		ssize_t n = param_encode(
		    "filename", value, strlen(value), "\n", out, sizeof(out));
		if (!ok(n == (ssize_t)strlen(out) &&
			    strcmp(out, written[i].means) == 0,
			"written: case %zu", i)) {
			note("%s", n == -1 ? "does not fit" : out + 3);
		}
		const char *words = written[i].words == NULL ? written[i].means
		                                             : written[i].words;
		n = param_encode_words(
		    "filename", value, strlen(value), "\n", out, sizeof(out));
		if (!ok(n > 0 && strcmp(out, words) == 0,
			"written in words: case %zu", i)) {
			note("%s", n == -1 ? "does not fit" : out + 3);
		}
	}
}

static void
test_long(void)
{
	char name[301], out[PARAM_ENCODED(8, 300)], back[1000];
	size_t lines = 0, most = 0;

	memset(name, 'n', 296);
	memcpy(name + 296, ".txt", 5);
	ssize_t n = param_encode("filename", name, 300, "\n", out, sizeof(out));
	for (const char *p = out; p != NULL; lines++) {
		size_t len = strcspn(p, "\n");
		most = len > most ? len : most;
		p = p[len] == '\0' ? NULL : p + len + 1;
	}
	ok(n > 0 && lines > 4 && most <= 76, "a long name has many lines");
	ok(param_text(out, (size_t)n, "filename", back, sizeof(back)) == 300 &&
		strcmp(back, name) == 0,
	    "and is read as one");
	ok(param_encode("filename", name, 300, "\n", out, 300) == -1,
	    "no room");
}

int
main(void)
{
	test_read();
	test_written();
	test_long();
	return tap_done();
}
