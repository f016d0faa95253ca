/* SPDX-License-Identifier: ISC */
/*
 * Answers of web servers (RFC 9112).  Guards against a text that is cut, has
 * more after it, or whose end two readers see in two places.
 */
#include "common/text/http.h"

#include "tests/unit/tap.h"

#include <string.h>

#define OK "HTTP/1.1 200 OK\r\n"
#define TEXT "Content-Type: text/plain\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n\r\n"

static const struct {
	const char *name, *text;
	enum http_read open, closed; /* while more may come, and at the end */
	const char *body;
} cases[] = {
	{ "a length", OK TEXT "Content-Length: 5\r\n\r\nhello", HTTP_DONE,
	    HTTP_DONE, "hello" },
	{ "a length, and more", OK TEXT "Content-Length: 5\r\n\r\nhello there",
	    HTTP_DONE, HTTP_DONE, "hello" },
	{ "less than its length", OK TEXT "Content-Length: 5\r\n\r\nhell",
	    HTTP_MORE, HTTP_BAD, NULL },
	{ "no length", OK TEXT "\r\nhello", HTTP_MORE, HTTP_DONE, "hello" },
	{ "an empty body", OK TEXT "Content-Length: 0\r\n\r\n", HTTP_DONE,
	    HTTP_DONE, "" },
	{ "lines that end in LF", "HTTP/1.0 200 OK\nContent-Length: 2\n\nab",
	    HTTP_DONE, HTTP_DONE, "ab" },
	{ "no reason", "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nab", HTTP_DONE,
	    HTTP_DONE, "ab" },
	{ "names in any case", OK "cONTENT-lENGTH:2\r\n\r\nab", HTTP_DONE,
	    HTTP_DONE, "ab" },
	{ "chunks", OK CHUNKED "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
	    HTTP_DONE, HTTP_DONE, "abcde" },
	{ "chunks, and fields that come last",
	    OK CHUNKED "A\r\n0123456789\r\n0\r\nX: y\r\n\r\n", HTTP_DONE,
	    HTTP_DONE, "0123456789" },
	{ "chunks without an end", OK CHUNKED "3\r\nabc\r\n", HTTP_MORE,
	    HTTP_BAD, NULL },
	{ "half a chunk", OK CHUNKED "5\r\nabc", HTTP_MORE, HTTP_BAD, NULL },
	{ "a chunk with more than its size", OK CHUNKED "2\r\nabc\r\n0\r\n\r\n",
	    HTTP_BAD, HTTP_BAD, NULL },
	{ "a size that is none", OK CHUNKED "x\r\n", HTTP_BAD, HTTP_BAD, NULL },
	{ "a size below zero", OK CHUNKED "-1\r\n", HTTP_BAD, HTTP_BAD, NULL },
	{ "a size of nine digits", OK CHUNKED "000000001\r\na\r\n", HTTP_BAD,
	    HTTP_BAD, NULL },
	{ "a chunk that is too long", OK CHUNKED "ffffff\r\n", HTTP_BAD,
	    HTTP_BAD, NULL },
	{ "a length and chunks",
	    OK "Content-Length: 3\r\n" CHUNKED "3\r\nabc\r\n0\r\n\r\n",
	    HTTP_BAD, HTTP_BAD, NULL },
	{ "two lengths", OK "Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
	    HTTP_BAD, HTTP_BAD, NULL },
	{ "the same length twice",
	    OK "Content-Length: 2\r\nContent-Length: 2\r\n\r\nab", HTTP_DONE,
	    HTTP_DONE, "ab" },
	{ "a length that is none", OK "Content-Length: 2x\r\n\r\nab", HTTP_BAD,
	    HTTP_BAD, NULL },
	{ "a negative length", OK "Content-Length: -2\r\n\r\nab", HTTP_BAD,
	    HTTP_BAD, NULL },
	{ "an endless length",
	    OK "Content-Length: 99999999999999999999999\r\n\r\nab", HTTP_BAD,
	    HTTP_BAD, NULL },
	{ "a length that does not fit", OK "Content-Length: 65\r\n\r\n",
	    HTTP_BAD, HTTP_BAD, NULL },
	{ "another encoding", OK "Transfer-Encoding: gzip, chunked\r\n\r\n",
	    HTTP_BAD, HTTP_BAD, NULL },
	{ "compressed", OK "Content-Encoding: gzip\r\n\r\nx", HTTP_BAD,
	    HTTP_BAD, NULL },
	{ "early hints",
	    "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" OK
	    "Content-Length: 2\r\n\r\nab",
	    HTTP_DONE, HTTP_DONE, "ab" },
	{ "a line that is no field", OK "what\r\n\r\nab", HTTP_BAD, HTTP_BAD,
	    NULL },
	{ "a field without a name", OK ": x\r\n\r\nab", HTTP_BAD, HTTP_BAD,
	    NULL },
	{ "another protocol", "HTTP/2 200\r\n\r\n", HTTP_BAD, HTTP_BAD, NULL },
	{ "a reply of SMTP", "220 mx ESMTP\r\n", HTTP_BAD, HTTP_BAD, NULL },
	{ "half a status line", "HTTP/1.", HTTP_MORE, HTTP_BAD, NULL },
	{ "nothing", "", HTTP_MORE, HTTP_BAD, NULL },
};

static void
test_cases(void)
{
	struct http_answer a;
	char body[64];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct span text = { cases[i].text, strlen(cases[i].text) };
		enum http_read open =
		    http_read(text, false, &a, body, sizeof(body));
		enum http_read closed =
		    http_read(text, true, &a, body, sizeof(body));
		bool good =
		    open == cases[i].open && closed == cases[i].closed &&
		    (cases[i].body == NULL ||
			(a.status == 200 && a.len == strlen(cases[i].body) &&
			    memcmp(body, cases[i].body, a.len) == 0));
		ok(good, "%s", cases[i].name);
		if (!good) {
			note("%d, %d: status %u, %zu octets", (int)open,
			    (int)closed, a.status, a.len);
		}
	}
}

/* What comes octet by octet is the same in the end. */
static void
test_pieces(void)
{
	static const char text[] = OK TEXT CHUNKED "3\r\nabc\r\n0\r\n\r\n";
	struct http_answer a;
	char body[64];
	size_t n = 0;

	while (
	    n < sizeof(text) - 1 && http_read((struct span){ text, n }, false,
					&a, body, sizeof(body)) == HTTP_MORE) {
		n++;
	}
	ok(n == sizeof(text) - 1, "nothing is whole before its end: %zu", n);
	ok(http_read((struct span){ text, n }, false, &a, body, sizeof(body)) ==
		    HTTP_DONE &&
		a.type.len == 10 && memcmp(a.type.at, "text/plain", 10) == 0,
	    "the type");
}

static void
test_endless_head(void)
{
	static char text[HTTP_HEAD + 64] = OK;
	struct http_answer a;
	char body[64];

	while (strlen(text) + 5 < sizeof(text)) {
		strcat(text, "a:b\r\n");
	}
	ok(http_read((struct span){ text, strlen(text) }, false, &a, body,
	       sizeof(body)) == HTTP_BAD,
	    "fields without an end");
}

int
main(void)
{
	test_cases();
	test_pieces();
	test_endless_head();
	return tap_done();
}
