/* SPDX-License-Identifier: ISC */
/*
 * Conversions: what comes out octet for octet, that it needs no other one, that
 * cuts in the input mean nothing, and that what may stay does.
 */
#include "smtpd/relay/convert/convert.h"

#include "common/mime/field.h"
#include "smtpd/relay/convert/survey.h"
#include "tests/unit/t-convert.h"
#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

#define UE "\xc3\xbc"   /* as UTF-8 */
#define UE_LATIN "\xfc" /* as ISO 8859-1 */
#define TEN "1234567890"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define THOUSAND                                                               \
	HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED        \
	    HUNDRED HUNDRED
#define NINE                                                                   \
	HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED        \
	    HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN

static const struct convert_terms seven = { .eight_bit = false },
				  eight = { .eight_bit = true };

static const struct {
	const char *test, *in, *out; /* NULL: the same */
} cases[] = {
	{ "nothing to do", "Subject: a\r\n\r\nb\r\n", NULL },
	{ "no body", "Subject: a\r\n", NULL },
	{ "nothing at all", "", NULL },
	{ "text without MIME", "Subject: a\r\n\r\nf" UE "r\r\n",
	    "Subject: a\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
	    "f=C3=BCr\r\n" },
	{ "text in no known charset", "Subject: a\r\n\r\nf" UE_LATIN "r\r\n",
	    "Subject: a\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=unknown-8bit\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
	    "f=FCr\r\n" },
	{ "text with labels",
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: text/html; charset=iso-8859-1\r\n"
	    "Content-Transfer-Encoding: 8bit\r\n"
	    "Subject: a\r\n\r\n" UE_LATIN "=\r\n",
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: text/html; charset=iso-8859-1\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n"
	    "Subject: a\r\n\r\n=FC=3D\r\n" },
	{ "a label that is wrong",
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=US-ASCII; format=flowed\r\n"
	    "Content-Transfer-Encoding: 7bit\r\n\r\n" UE "\r\n",
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; format=flowed;\r\n charset=utf-8\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=BC\r\n" },
	{ "text with the label of base64",
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\n"
	    "\r\n==\r\nSo " UE "\r\nAAAA\r\n",
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
	    "\r\n=3D=3D\r\nSo =C3=BC\r\nAAAA\r\n" },
	{ "octets with the label of base64",
	    "MIME-Version: 1.0\r\nContent-Type: a/b\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\n" UE_LATIN "A\r\n",
	    "MIME-Version: 1.0\r\nContent-Type: a/b\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\n/EENCg==\r\n" },
	{ "base64 with a text after it",
	    "MIME-Version: 1.0\r\nContent-Type: a/b\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\n"
	    "\r\n\t/EE= \r\nThat is " UE "\r\n",
	    "MIME-Version: 1.0\r\nContent-Type: a/b\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\n/EE=\r\n" },
	{ "another type",
	    "MIME-Version: 1.0\r\nContent-Type: image/png\r\n"
	    "Content-Transfer-Encoding: binary\r\n\r\n\xff\xfe\r\n",
	    "MIME-Version: 1.0\r\nContent-Type: image/png\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\n//4NCg==\r\n" },
	{ "one part of three",
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: multipart/mixed; boundary=\"x\"\r\n"
	    "Content-Transfer-Encoding: 8bit\r\n\r\n"
	    "around\r\n--x\r\n\r\nplain =20\r\n--x  \r\n"
	    "Content-Type: application/x-a\r\n\r\n" UE "\r\n--x\r\n"
	    "Content-Transfer-Encoding: 8bit\r\n\r\nascii\r\n--x--\r\nend\r\n",
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: multipart/mixed; boundary=\"x\"\r\n"
	    "Content-Transfer-Encoding: 7bit\r\n\r\n"
	    "around\r\n--x\r\n\r\nplain =20\r\n--x  \r\n"
	    "Content-Type: application/x-a\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\nw7w=\r\n--x\r\n"
	    "Content-Transfer-Encoding: "
	    "8bit\r\n\r\nascii\r\n--x--\r\nend\r\n" },
	{ "around parts",
	    "Content-Type: multipart/mixed; boundary=x\r\n\r\n" UE "\r\n--x\r\n"
	    "\r\na\r\n--x--\r\n" UE "\r\n",
	    "Content-Type: multipart/mixed; boundary=x\r\n\r\n??\r\n--x\r\n"
	    "\r\na\r\n--x--\r\n??\r\n" },
	{ "a message inside",
	    "MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n"
	    "Content-Transfer-Encoding: 8bit\r\n\r\n"
	    "Subject: " UE "\r\n\r\n" UE "\r\n",
	    "MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n"
	    "Content-Transfer-Encoding: 7bit\r\n\r\n"
	    "Subject: =?utf-8?B?w7w=?=\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=BC\r\n" },
	{ "signed, and 7bit",
	    "Subject: " UE "\r\n"
	    "Content-Type: multipart/signed; boundary=x\r\n\r\n--x\r\n\r\n"
	    "a\r\n--x\r\nContent-Type: application/pgp-signature\r\n\r\nb\r\n"
	    "--x--\r\n",
	    "Subject: =?utf-8?B?w7w=?=\r\n"
	    "Content-Type: multipart/signed; boundary=x\r\n\r\n--x\r\n\r\n"
	    "a\r\n--x\r\nContent-Type: application/pgp-signature\r\n\r\nb\r\n"
	    "--x--\r\n" },
	{ "S/MIME, which signs what is inside",
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: application/pkcs7-mime; name=smime.p7m\r\n"
	    "Content-Transfer-Encoding: 8bit\r\n\r\n" UE_LATIN "\r\n",
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: application/pkcs7-mime; name=smime.p7m\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\n/A0K\r\n" },
	{ "a digest",
	    "Content-Type: multipart/digest; boundary=x\r\n\r\n--x\r\n\r\n"
	    "Subject: a\r\n\r\n" UE "\r\n--x--\r\n",
	    "Content-Type: multipart/digest; boundary=x\r\n\r\n--x\r\n\r\n"
	    "Subject: a\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
	    "=C3=BC\r\n--x--\r\n" },
	{ "a body without an empty line ahead", "Subject: a\r\n" UE "\r\n",
	    "Subject: a\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
	    "=C3=BC\r\n" },
	{ "quoted-printable that is none",
	    "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: Quoted-Printable\r\n\r\n"
	    "=C3=BC" UE "=3D\r\n",
	    "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\nw7zDvD0NCg==\r\n" },
	{ "a long line", "Subject: a\r\n\r\n" THOUSAND "\r\n",
	    "Subject: a\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=us-ascii\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
	    "*" },
};

static bool
same(const struct output *o, const char *want)
{
	size_t len = strlen(want);

	return want[len > 0 ? len - 1 : 0] == '*'
	           ? o->len >= len - 1 && memcmp(o->data, want, len - 1) == 0
	           : o->len == len && memcmp(o->data, want, len) == 0;
}

static bool
converted(const char *in, const char *want, size_t piece)
{
	struct convert *c, *again;
	enum convert_result result =
	    convert_all(&c, &seven, in, strlen(in), piece);

	if (want == NULL) {
		convert_close(c);
		return result == CONVERT_SAME;
	}
	bool good = result == CONVERT_CHANGED && same(&c->out, want);
	if (!good) {
		note("%d: %s", (int)result,
		    result == CONVERT_CHANGED ? "" : c->why);
		fprintf(stderr, "%.*s\n", (int)c->out.len, c->out.data);
	}
	good = good && convert_all(&again, &seven, c->out.data, c->out.len,
			   8192) == CONVERT_SAME;
	if (good) {
		convert_close(again);
	}
	convert_close(c);
	return good;
}

static void
test_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool good = true;
		for (size_t piece = 1; piece < 200 && good; piece += 3) {
			good = converted(cases[i].in, cases[i].out, piece);
		}
		ok(good, "%s", cases[i].test);
	}
}

static const struct {
	const char *test, *in, *dsn;
} refused[] = {
	{ "signed",
	    "Content-Type: multipart/signed; boundary=x\r\n\r\n--x\r\n\r\n" UE
	    "\r\n--x--\r\n",
	    "5.6.3" },
	{ "signed, in a header",
	    "Content-Type: multipart/signed; boundary=x\r\n\r\n--x\r\n"
	    "Content-Description: " UE "\r\n\r\na\r\n--x--\r\n",
	    "5.6.3" },
	{ "signed, and deeper",
	    "Content-Type: multipart/signed; boundary=x\r\n\r\n--x\r\n"
	    "Content-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n\r\n" UE
	    "\r\n--y--\r\n--x--\r\n",
	    "5.6.3" },
	{ "another encoding",
	    "Content-Transfer-Encoding: x-uuencode\r\n\r\n" UE "\r\n",
	    "5.6.3" },
	{ "a multipart without parts",
	    "Content-Type: multipart/mixed; boundary=x\r\n\r\n" UE "\r\n",
	    "5.6.3" },
	{ "a multipart without boundary",
	    "Content-Type: multipart/mixed\r\n\r\n" UE "\r\n", "5.6.3" },
	{ "a boundary beyond ASCII",
	    "Content-Type: multipart/mixed; boundary=\"" UE "\"\r\n\r\n"
	    "--" UE "\r\n\r\na\r\n--" UE "--\r\n",
	    "5.6.3" },
	{ "a piece of a message",
	    "Content-Type: message/partial; id=a; number=2\r\n\r\n" UE "\r\n",
	    "5.6.3" },
	{ "an address", "From: <" UE "@example.org>\r\n\r\na\r\n", "5.6.7" },
};

static void
test_refused(void)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct convert *c;
		const char *in = refused[i].in;
		enum convert_result result =
		    convert_all(&c, &seven, in, strlen(in), 7);
		ok(result == CONVERT_IMPOSSIBLE &&
			strcmp(c->dsn, refused[i].dsn) == 0,
		    "not converted: %s", refused[i].test);
		convert_close(c);
	}
}

/* ---- fields ---- */

static const struct {
	const char *in, *out; /* NULL: the same */
} fields[] = {
	{ "Subject: a\r\n", NULL },
	{ "To: x <@" UE ".example,@b.example:a@c.example>, <@d:e@f>\r\n",
	    "To: x <a@c.example>, <@d:e@f>\r\n" },
	{ "To: " UE " <@" UE ".example:a@" UE ".example>\r\n",
	    "To: =?utf-8?B?w7w=?= <a@xn--tda.example>\r\n" },
	{ "Subject: f" UE "r alle\r\n",
	    "Subject: =?utf-8?Q?f=C3=BCr?= alle\r\n" },
	{ "Subject: " UE " " UE " a\r\n",
	    "Subject: =?utf-8?B?w7wgw7w=?= a\r\n" },
	{ "Subject: a " UE_LATIN "\r\n",
	    "Subject: a =?unknown-8bit?Q?=FC?=\r\n" },
	{ "Subject: =?utf-8?q?a?= " UE "\r\n",
	    "Subject: =?utf-8?q?a?= =?utf-8?B?IMO8?=\r\n" },
	{ "Subject: " UE " =?utf-8?q?a?=\r\n",
	    "Subject: =?utf-8?B?w7wg?= =?utf-8?q?a?=\r\n" },
	{ "X-A:\r\n " UE "\r\n\tb\r\n", "X-A: =?utf-8?B?w7w=?=\tb\r\n" },
	{ "From: J" UE " <j@x>\r\n", "From: =?utf-8?B?SsO8?= <j@x>\r\n" },
	{ "To: \"J" UE ", A.\" <j@x>, b@x (" UE " b)\r\n",
	    "To: =?utf-8?B?SsO8LCBBLg==?= <j@x>, b@x "
	    "(=?utf-8?B?w7w=?= b)\r\n" },
	{ "Cc: " UE "-Team: a@x, b@x;\r\n",
	    "Cc: =?utf-8?Q?=C3=BC-Team?=: a@x, b@x;\r\n" },
	{ "Content-Disposition: attachment; filename=\"" UE
	  ".txt\"; size=1\r\n",
	    "*utf-8''%C3%BC.txt*size=1\r\n" },
	{ "Content-Disposition: attachment; filename*=utf-8''" UE "%41\r\n",
	    "Content-Disposition: attachment;\r\n"
	    " filename*=utf-8''%C3%BC%41\r\n" },
	{ "Content-Type: a/b; name*=\"x'y'" UE_LATIN "\"; c=d\r\n",
	    "Content-Type: a/b;\r\n name*=\"x'y'%FC\"; c=d\r\n" },
	{ "Content-Disposition: x; f*0=\"%" UE "\"; f*1=\"\\\"" UE
	  "\"; f*2*=%41; f*10=" UE "\r\n",
	    "Content-Disposition: x;\r\n f*0*=utf-8''%25%C3%BC;\r\n"
	    " f*1*=%22%C3%BC; f*2*=%41;\r\n f*10*=%C3%BC\r\n" },
	{ "Content-Disposition: x; f*0=" UE_LATIN "\r\n",
	    "Content-Disposition: x;\r\n f*0*=unknown-8bit''%FC\r\n" },
	{ "Message-ID: <" UE "@x>\r\n",
	    "Downgraded-Message-ID: =?utf-8?B?PMO8QHg+?=\r\n" },
};

static bool
field_case(const char *in, const char *want)
{
	struct output o = { 0 };
	struct field field;

	if (!header_split(in, strlen(in), &field)) {
		return false;
	}
	enum field_result result = field_convert(&field, false, &o);
	output_add(&o, "", 1);
	bool good =
	    want == NULL ? result == FIELD_SAME : result == FIELD_CHANGED;
	if (good && want != NULL && *want == '*') {
		/* Two parts of it, in order. */
		const char *middle = strchr(want + 1, '*');
		char first[100];
		snprintf(first, sizeof(first), "%.*s", (int)(middle - want - 1),
		    want + 1);
		const char *at = strcasestr(o.data, first);
		good = at != NULL && strstr(at, middle + 1) != NULL;
	} else if (good && want != NULL) {
		good = strcmp(o.data, want) == 0;
	}
	if (!good) {
		fprintf(stderr, "%d %s", (int)result, o.data);
	}
	output_free(&o);
	return good;
}

static void
test_fields(void)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		ok(field_case(fields[i].in, fields[i].out), "%.*s",
		    (int)strcspn(fields[i].in, "\r"), fields[i].in);
	}
	ok(field_case("X: a " NINE "1234 b\r\n", "X: a\r\n " NINE "1234 b\r\n"),
	    "long lines are folded at a blank");
	ok(field_case("X:" THOUSAND "b\r\n", "X:" NINE "123456\r\n 7890b\r\n"),
	    "or anywhere");
}

/* ---- lines, and the first look ---- */

static void
test_survey(void)
{
	static char text[5000];
	bool good = true;

	for (size_t len = 990; len < 1010; len++) {
		for (size_t piece = 1; piece < 3000; piece += 7) {
			struct survey s = { 0 };
			memset(text, 'a', sizeof(text));
			memcpy(text + 50, "\r\n", 2);
			memcpy(text + 52 + len, "\r\n", 2);
			size_t whole = len + 60;
			for (size_t i = 0; i < whole; i += piece) {
				survey_feed(&s, text + i,
				    whole - i < piece ? whole - i : piece);
			}
			good =
			    good && s.long_line == (len > 998) && !s.eight_bit;
		}
	}
	ok(good, "lines of more than 998 octets, however they come");
	good = true;
	for (size_t i = 0; i < 200; i++) {
		struct survey s = { 0 };
		memset(text, 'a', 200);
		text[i] = '\x80';
		survey_feed(&s, text, 200);
		good = good && s.eight_bit;
	}
	ok(good, "one octet beyond ASCII, wherever it is");
}

static void
test_eight_bit(void)
{
	struct convert *c;
	const char *in = "Subject: a\r\n\r\n" UE "\r\n";

	ok(convert_all(&c, &eight, in, strlen(in), 9) == CONVERT_SAME,
	    "8BITMIME takes octets beyond ASCII");
	convert_close(c);
	in = "MIME-Version: 1.0\r\n"
	     "Content-Type: multipart/mixed; boundary=x\r\n"
	     "Content-Transfer-Encoding: binary\r\n\r\n--x\r\n\r\n" THOUSAND
	     "\r\n--x\r\n"
	     "Content-Transfer-Encoding: 8bit\r\n\r\n" UE "\r\n--x--\r\n";
	const struct convert_terms both = { .eight_bit = true, .utf8 = true };
	bool good =
	    convert_all(&c, &both, in, strlen(in), 9) == CONVERT_CHANGED;
	output_add(&c->out, "", 1);
	ok(good && strstr(c->out.data, "Encoding: 8bit\r\n\r\n--x") != NULL &&
		strstr(c->out.data, "8bit\r\n\r\n" UE "\r\n--x--") != NULL &&
		strstr(c->out.data, "quoted-printable") != NULL,
	    "and no long lines; the other part stays");
	convert_close(c);
}

int
main(void)
{
	test_survey();
	test_fields();
	test_cases();
	test_refused();
	test_eight_bit();
	return tap_done();
}
