/* SPDX-License-Identifier: ISC */
/* Lines of the log, taken apart, and as JSON objects; see also t_logs. */
#include "common/log/log_json.h"

#include "tests/unit/tap.h"

#include <string.h>

#define ID "ABCDEFGHIJ12: "

static const struct {
	const char *text;
	/* id, event, then key=value of each field, with a blank after each */
	const char *parts;
} cases[] = {
	{ "connect from unknown[192.0.2.1]", "|connect|ip=192.0.2.1 " },
	{ "disconnect from unknown[192.0.2.1] ehlo=1 rcpt=0/1 commands=1/2",
	    "|disconnect|ip=192.0.2.1 ehlo=1 rcpt=0/1 commands=1/2 " },
	{ "lost connection after DATA (15 bytes) from unknown[2001:db8::1]",
	    "|lost connection|ip=2001:db8::1 " },
	{ "lost connection after CONNECT from unknown[2001:db8::1]",
	    "|lost connection|ip=2001:db8::1 " },
	{ ID "client=unknown[192.0.2.1], sasl_method=PLAIN, sasl_username=a",
	    "ABCDEFGHIJ12|client|ip=192.0.2.1 client=unknown[192.0.2.1] "
	    "sasl_method=PLAIN sasl_username=a " },
	{ ID "from=<a b=c@d>, size=12, nrcpt=1 (queue active)",
	    "ABCDEFGHIJ12|from|from=a b=c@d size=12 nrcpt=1 " },
	{ ID "to=<a@b>, orig_to=<c>, relay=d[192.0.2.1]:25, delay=0.10, "
	     "delays=0/0/0/0.1, dsn=4.0.0, status=deferred (host unknown[x] "
	     "said: 450 to=<z> status=sent (no))",
	    "ABCDEFGHIJ12|to|to=a@b orig_to=c relay=d[192.0.2.1]:25 "
	    "delay=0.10 delays=0/0/0/0.1 dsn=4.0.0 status=deferred "
	    "reason=host unknown[x] said: 450 to=<z> status=sent (no) " },
	{ ID "to=<a@b>, status=sent", "ABCDEFGHIJ12|to|to=a@b status=sent " },
	{ ID "to=<a@b>, status=sent (",
	    "ABCDEFGHIJ12|to|to=a@b status=sent reason= " },
	{ ID "removed", "ABCDEFGHIJ12|removed|" },
	{ "NOQUEUE: reject: RCPT from unknown[192.0.2.1]: 550 5.7.1 <a>: to=x; "
	  "from=<b> ip=[9]; from=<c> to=<a> proto=SMTP helo=<h>",
	    "|reject|ip=192.0.2.1 reason=550 5.7.1 <a>: to=x; from=<b> ip=[9] "
	    "from=c to=a proto=SMTP helo=h " },
	{ "NOQUEUE: reject: CONNECT from unknown[192.0.2.1]: 421 4.7.0 Client "
	  "host rejected: 9 points; proto=SMTP",
	    "|reject|ip=192.0.2.1 reason=421 4.7.0 Client host rejected: 9 "
	    "points proto=SMTP " },
	{ "reject: x; from=<a> proto=y]: ", "|reject|from=a proto=y]: " },
	{ "warning: unknown[192.0.2.1]: SASL PLAIN authentication failed: x, "
	  "sasl_username=a",
	    "|warning|ip=192.0.2.1 sasl_username=a " },
	{ "warning: " ID "a queue file is gone: x=y",
	    "ABCDEFGHIJ12|a queue file is gone|x=y " },
	{ "error: (15 bytes) said unknown[192.0.2.1]", "|error|" },
	{ "LOGIN FAILED, user=a, ip=[192.0.2.1], port=[1]",
	    "|LOGIN FAILED|user=a ip=192.0.2.1 port=1 " },
	{ ID "auth spf=pass smtp.mailfrom=<a b=c@d> dkim=none dmarc=fail "
	     "p=reject header.from=d action=reject time=0.12",
	    "ABCDEFGHIJ12|auth|spf=pass smtp.mailfrom=a b=c@d dkim=none "
	    "dmarc=fail p=reject header.from=d action=reject time=0.12 " },
	{ "user=a, user=b", "|user|user=a " },
	{ "abcdefghij12: x", "||" },
	{ "ABCDEFGHIJ1: x", "||" },
	{ "the index of a is damaged, and cannot be rebuilt now: no",
	    "|the index of a is damaged|" },
	{ "a sentence that goes on and on and on and is no event: x", "||" },
	{ "=", "||" },
	{ "a=", "|a|a= " },
	{ "a=<", "|a|a= " },
	{ "", "||" },
};

static void
spell(const struct log_fields *f, char *buf, size_t size)
{
	int n = snprintf(buf, size, "%.*s|%.*s|", (int)f->id.len,
	    f->id.len > 0 ? f->id.text : "", (int)f->event.len,
	    f->event.len > 0 ? f->event.text : "");

	for (size_t i = 0; i < f->count; i++) {
		const struct log_field *field = &f->fields[i];
		n += snprintf(buf + n, size - (size_t)n, "%.*s=%.*s ",
		    (int)field->key.len, field->key.text, (int)field->value.len,
		    field->value.text);
	}
}

static const struct {
	const char *text, *members;
} objects[] = {
	{ "connect from unknown[192.0.2.1]",
	    "\"event\":\"connect\",\"message\":\"connect from "
	    "unknown[192.0.2.1]\",\"fields\":{\"ip\":\"192.0.2.1\"}}" },
	{ "a \"b\" \\ c\001\n\177\302\200\303\274\377\342\200\256!",
	    "\"message\":\"a \\\"b\\\" \\\\ c\\u0001\\u000a\\u007f\\u0080"
	    "\303\274\\\\xff\\u202e!\"}" },
	{ "a=, b=\"", "\"event\":\"a\",\"message\":\"a=, b=\\\"\",\"fields\":"
		      "{\"a\":\"\",\"b\":\"\\\"\"}}" },
	{ "", "\"program\":\"restante/smtpd\"}" },
};

static bool
ends_in(const char *line, const char *end)
{
	size_t n = strlen(line), m = strlen(end);

	return n >= m && strcmp(line + n - m, end) == 0;
}

/* As long as it can be, of what is longest when escaped. */
static void
test_long(const char *piece, const char *name)
{
	char text[1024] = "", line[LOG_JSON + 1];

	while (strlcat(text, piece, sizeof(text)) < sizeof(text)) {
		continue;
	}
	struct log_entry e = { .program = "p", .level = "info", .text = text };
	size_t n = log_json(&e, line);
	ok(n <= LOG_JSON && n == strlen(line) && line[n - 1] == '}',
	    "%s: %zu octets", name, n);
}

int
main(void)
{
	char line[LOG_JSON + 1], text[1024];
	struct log_fields f;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		log_fields(cases[i].text, &f);
		spell(&f, text, sizeof(text));
		if (!ok(strcmp(text, cases[i].parts) == 0, "%s",
			cases[i].text)) {
			note("%s", text);
		}
	}
	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
		struct log_entry e = { .time = { 1795348800, 7000000 },
			.program = "restante/smtpd",
			.pid = 7,
			.level = "info",
			.text = objects[i].text };
		log_json(&e, line);
		if (!ok(ends_in(line, objects[i].members) &&
			    strncmp(line,
				"{\"time\":\"2026-11-22T12:00:00.007Z\","
				"\"pid\":"
				"7,\"level\":\"info\",\"program\":\"restante/"
				"smtpd\"",
				80) == 0,
			"object %zu", i)) {
			note("%s", line);
		}
	}
	test_long("\377", "no UTF-8");
	test_long("\001", "controls");
	test_long("\"", "quotes");
	test_long("a=<\377\377\377\377>, ", "one field");
	test_long("abc=\001\001 bcd=\377\377 ", "fields");
	return tap_done();
}
