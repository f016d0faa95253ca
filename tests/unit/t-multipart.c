/* SPDX-License-Identifier: ISC */
/*
 * A message in parts: what mail readers take for a part must be one here, or a
 * conversion changes what it should not; and whoever sends thousands of parts
 * inside of each other must not stop us.
 */
#include "common/mime/multipart.h"

#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

#include <stdlib.h>

#define MIXED "Content-Type: multipart/mixed; boundary=b\n\n"

/* tells: B( type, the body in <>, preamble and epilogue in {}, ). */
static const struct {
	const char *text, *tells;
} cases[] = {
	{ "A: b\n\nx\ny\n", "(text/plain<x\ny\n>)" },
	{ "A: b\n", "(text/plain)" },
	{ "", "(text/plain)" },
	{ "no header", "(text/plain<no header>)" },
	{ MIXED "pre\n--b\n\none\n--b\n\ntwo\n--b--\nepi\n",
	    "(multipart/mixed{pre}(text/plain<one>)(text/plain<two>){epi\n})" },
	{ MIXED "--b\n\none\n\n--b--", "(multipart/mixed(text/plain<one\n>))" },
	{ MIXED "--b\nA: b\n--b\n\n--b--",
	    "(multipart/mixed(text/plain)(text/plain))" },
	{ MIXED "--b \t\n\none\n--b--x\n--bb\n --b\n--b--",
	    "(multipart/mixed(text/plain<one\n--b--x\n--bb\n --b>))" },
	{ MIXED "x\n--b\n\none", "(multipart/mixed{x}(text/plain<one>))" },
	{ MIXED "--b\n\none\n--b--\n--b\n\ntwo\n",
	    "(multipart/mixed(text/plain<one>){--b\n\ntwo\n})" },
	{ MIXED "--b\n"
		"Content-Type: multipart/x; boundary=c\n\n"
		"--c\n\none\n--b\n\ntwo\n--c\n--b--\n",
	    "(multipart/mixed(multipart/x(text/plain<one>))"
	    "(text/plain<two\n--c>))" },
	{ MIXED "--b\nContent-Type: message/rfc822\n\nA: b\n\nx\n--b--",
	    "(multipart/mixed(message/rfc822(text/plain<x>)))" },
	{ MIXED "--b\nContent-Type: message/rfc822\n\n--b--",
	    "(multipart/mixed(message/rfc822(text/plain)))" },
	{ MIXED "--b\nContent-Type: message/rfc822\n"
		"Content-Transfer-Encoding: base64\n\neA==\n--b--",
	    "(multipart/mixed(message/rfc822<eA==>))" },
	{ "Content-Type: multipart/digest; boundary=b\n\n--b\n\nA: b\n\nx\n",
	    "(multipart/digest(message/rfc822(text/plain<x\n>)))" },
	{ "Content-Type: message/rfc822\n\nno field\n",
	    "(message/rfc822(text/plain<no field\n>))" },
	{ "Content-Type: multipart/mixed\n\n--b\n",
	    "(multipart/mixed<--b\n>)" },
	{ "Content-Type: rubbish\n\nx", "(text/plain<x>)" },
	{ "Content-Type: a/b\nContent-Type: c/d\n\nx", "(a/b<x>)" },
	{ "Content-Type: multipart/x; boundary=\"a:b\"\n\n"
	  "--a:b\nC: d\n--a:b\n\nx\n--a:b--\n",
	    "(multipart/x(text/plain)(text/plain<x>))" },
};

static char room[HEADER_KEPT];

struct story {
	char text[1024];
	char open; /* the bracket that is to be closed */
};

static void
add(struct story *s, const char *text, size_t len)
{
	size_t n = strlen(s->text);

	snprintf(s->text + n, sizeof(s->text) - n, "%.*s", (int)len, text);
}

/* Octets of one kind are together, however they came. */
static void
bracket(struct story *s, char open)
{
	if (s->open != open) {
		add(s, s->open == '<' ? ">" : "}", s->open != '\0');
		add(s, &open, open != '\0');
		s->open = open;
	}
}

static void
tell(struct story *s, const struct multipart *m, enum multipart_event e)
{
	if (e == MULTIPART_BODY || e == MULTIPART_AROUND) {
		bracket(s, e == MULTIPART_BODY ? '<' : '{');
		add(s, m->text, m->len);
		return;
	}
	bracket(s, '\0');
	if (e == MULTIPART_HEADER) {
		const char *type = multipart_part(m)->type;
		add(s, type, strlen(type));
	}
	add(s, "(", e == MULTIPART_BEGIN);
	add(s, ")", e == MULTIPART_END);
}

static void
walk(const char *text, size_t step, struct story *s)
{
	struct multipart *m = malloc(sizeof(*m));
	enum multipart_event e = MULTIPART_MORE;
	size_t left = strlen(text);

	if (m == NULL) {
		return;
	}
	memset(s, 0, sizeof(*s));
	multipart_init(m, room, sizeof(room));
	while ((e = multipart_next(m)) != MULTIPART_DONE) {
		size_t n = left < step ? left : step;
		if (e != MULTIPART_MORE) {
			tell(s, m, e);
		} else if (n == 0) {
			multipart_finish(m);
		} else {
			multipart_feed(m, text, n);
			text += n;
			left -= n;
		}
	}
	free(m);
}

static void
test_cases(void)
{
	struct story s;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool good = true;
		for (size_t step = 1; step < 200 && good; step += step) {
			walk(cases[i].text, step, &s);
			good = strcmp(s.text, cases[i].tells) == 0;
		}
		if (!ok(good, "case %zu", i)) {
			for (char *p = s.text; *p != '\0'; p++) {
				*p = *p == '\n' ? '/' : *p;
			}
			note("%s", s.text);
		}
	}
}

/* Feeds the same octets again and again; how many parts that made. */
static void
test_limit(const char *what, const char *text, unsigned times, unsigned count,
    bool limited)
{
	struct multipart *m = malloc(sizeof(*m));
	enum multipart_event e;

	if (m == NULL) {
		return;
	}
	multipart_init(m, room, sizeof(room));
	while ((e = multipart_next(m)) != MULTIPART_DONE) {
		if (e == MULTIPART_MORE && times-- > 0) {
			multipart_feed(m, text, strlen(text));
		} else if (e == MULTIPART_MORE) {
			multipart_finish(m);
		}
	}
	if (!ok(m->count == count && m->limited == limited, "%s", what)) {
		note("%u parts, %d", m->count, m->limited);
	}
	free(m);
}

int
main(void)
{
	test_cases();
	test_limit("33 messages in each other",
	    "Content-Type: message/rfc822\n\n", 32, 33, false);
	test_limit("34 are too many", "Content-Type: message/rfc822\n\n", 33,
	    33, true);
	test_limit("100000 multiparts in each other",
	    "Content-Type: multipart/x; boundary=b\n\n--b\n", 100000,
	    MULTIPART_PARTS, true);
	test_limit("many parts", "Content-Type: multipart/x; boundary=b\n--b\n",
	    100000, MULTIPART_PARTS, true);
	return tap_done();
}
