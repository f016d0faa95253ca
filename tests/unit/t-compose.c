/* SPDX-License-Identifier: ISC */
/*
 * The structure of composed messages: a part in the wrong multipart is shown
 * twice or not at all, and a line that ends a part too early cuts it off.
 */
#include "smtpd/send/compose.h"

#include "common/log/log.h"

#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

#include <sysexits.h>

enum { FILES = 4 };

static char alice[] = "a@example.org", bob[] = "b@example.net";
static char evil[] = "a@example.org\nBcc: c@example.org";
static char *const recipients[] = { alice, bob, NULL };
static char *const evil_recipients[] = { evil, NULL };

static void
take(struct source *s, const char *text)
{
	char path[PATH_MAX];
	struct source file;

	scratch_write(scratch_path(path, "text"), text, strlen(text));
	scratch_need(source_open(&file, path) == EX_OK, "open");
	scratch_need(source_copy(s, file.fd, "a text") == EX_OK, "copy");
	source_close(&file);
}

/* A file of that name, what it holds, and whether it is shown. */
static void
attach(struct compose *c, const char *name, const char *data, size_t len)
{
	char path[PATH_MAX];
	struct part *p = &c->parts[c->nparts++];

	memset(p, 0, sizeof(*p));
	scratch_write(scratch_path(path, "file"), data, len);
	p->name = name;
	scratch_need(source_open(&p->source, path) == EX_OK, "open");
	scratch_need(unlink(path) == 0, "unlink");
}

static struct compose
begin(const char *text, const char *html, struct part parts[FILES])
{
	struct compose c = { .subject = "s",
		.recipients = recipients,
		.host = "mail.example.org",
		.text.source.fd = -1,
		.html.source.fd = -1,
		.parts = parts };

	take(&c.text.source, text);
	if (html != NULL) {
		take(&c.html.source, html);
	}
	return c;
}

/* The message; ends all that it was made of. */
static char *
end(struct compose *c, int *status, size_t *len)
{
	char path[PATH_MAX];
	FILE *out = fopen(scratch_path(path, "out"), "w");

	scratch_need(out != NULL, "fopen");
	*status = compose_message(c, out);
	fclose(out);
	source_close(&c->text.source);
	source_close(&c->html.source);
	for (size_t i = 0; i < c->nparts; i++) {
		source_close(&c->parts[i].source);
	}
	return scratch_read(path, len);
}

/* "mixed(plain png)" and the like. */
static void
skeleton(char *message, char *out, size_t size)
{
	char *save = message, *line;

	*out = '\0';
	while ((line = strsep(&save, "\n")) != NULL) {
		size_t n = strlen(line);
		char *slash = strchr(line, '/');
		if (n > 4 && strncmp(line, "--=_", 4) == 0 &&
		    strcmp(line + n - 2, "--") == 0) {
			strlcat(out, ")", size);
		}
		if (strncmp(line, "Content-Type: ", 14) != 0 || slash == NULL) {
			continue;
		}
		bool first = *out == '\0' || out[strlen(out) - 1] == '(';
		strlcat(out, first ? "" : " ", size);
		slash[1 + strcspn(slash + 1, ";")] = '\0';
		strlcat(out, slash + 1, size);
		if (strncmp(line, "Content-Type: multipart/", 24) == 0) {
			strlcat(out, "(", size);
		}
	}
}

static const struct {
	const char *text, *html;
	const char *names[FILES];
	const char *expected;
} structures[] = {
	{ "t\n", NULL, { NULL }, "plain" },
	{ "", NULL, { NULL }, "plain" },
	{ "", "<p>", { NULL }, "html" },
	{ "t\n", "<p>", { NULL }, "alternative(plain html)" },
	{ "t\n", NULL, { "a.png" }, "mixed(plain png)" },
	{ "", NULL, { "a.png" }, "mixed(plain png)" },
	{ "t\n", NULL, { "a.png", "b.txt", "c.pdf" },
	    "mixed(plain png plain pdf)" },
	{ "", "<p>", { "a.png" }, "mixed(html png)" },
	{ "t\n", "<p>", { "a.png" }, "mixed(alternative(plain html) png)" },
	{ "", "<img src=\"cid:a.png\">", { "a.png" }, "related(html png)" },
	{ "t\n", "<img src=\"cid:a.png\">", { "a.png" },
	    "alternative(plain related(html png))" },
	{ "t\n", "<img src=\"cid:a.png\">", { "a.png", "b.gif" },
	    "mixed(alternative(plain related(html png)) gif)" },
	{ "t\n", "<img src=cid:b.gif><img src='cid:a.png'>",
	    { "a.png", "x.pdf", "b.gif" },
	    "mixed(alternative(plain related(html png gif)) pdf)" },
	{ "t\n", "<img src=\"cid:c.png\">", { "a.png" },
	    "mixed(alternative(plain html) png)" },
	{ "t\n", NULL, { "mail.eml" }, "mixed(plain rfc822)" },
};

static void
test_structures(void)
{
	for (size_t i = 0; i < sizeof(structures) / sizeof(structures[0]);
	     i++) {
		struct part parts[FILES];
		char got[256];
		int status;
		size_t len;
		struct compose c =
		    begin(structures[i].text, structures[i].html, parts);
		for (size_t k = 0; k < FILES && structures[i].names[k] != NULL;
		     k++) {
			attach(&c, structures[i].names[k], "a: b\n\nc\n", 8);
		}
		char *message = end(&c, &status, &len);
		skeleton(message, got, sizeof(got));
		ok(status == EX_OK && strcmp(got, structures[i].expected) == 0,
		    "%s", structures[i].expected);
		note("status %d: %s", status, got);
		free(message);
	}
}

/* Three characters, of which quoted-printable would make 27 octets. */
#define KANA "\343\201\202\343\201\202\343\201\202"
#define CODED "44GC44GC44GC"

static const struct {
	const char *text, *expected; /* a part of the message */
} texts[] = {
	{ "plain\n",
	    "charset=us-ascii\nContent-Transfer-Encoding: 7bit\n\nplain\n" },
	{ "gr\303\274n\n",
	    "charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n"
	    "gr=C3=BCn\n" },
	{ "gr\374n, all of it\n",
	    "charset=unknown-8bit\nContent-Transfer-Encoding: "
	    "quoted-printable\n\ngr=FCn, all of it\n" },
	{ KANA KANA KANA KANA "\n",
	    "Content-Transfer-Encoding: base64\n\n" CODED CODED CODED CODED
	    "DQo=\n" },
	{ KANA KANA KANA KANA "\r\n",
	    "Content-Transfer-Encoding: base64\n\n" CODED CODED CODED CODED
	    "DQo=\n" },
	{ "10%\r20%\r30%\r and so on\n", "10%=0D20%=0D30%=0D and so on\n" },
};

static void
test_texts(void)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct part parts[FILES];
		int status;
		size_t len;
		struct compose c = begin(texts[i].text, NULL, parts);
		char *message = end(&c, &status, &len);
		ok(status == EX_OK && strstr(message, texts[i].expected),
		    "text %zu in its best encoding", i);
		free(message);
	}
}

static void
test_head(void)
{
	struct part parts[FILES];
	int status;
	size_t len;
	struct compose c = begin("t\n", NULL, parts);

	c.subject = "one\r\nX-Evil: yes\nBcc: c@example.org";
	char *message = end(&c, &status, &len);
	ok(status == EX_OK && strstr(message, "\nX-Evil") == NULL &&
		strstr(message, "\nBcc") == NULL &&
		strncmp(message, "Subject: one", 12) == 0,
	    "a subject is one field");
	ok(strstr(message, "\nTo: a@example.org, b@example.net\n") != NULL,
	    "all recipients are in To");
	ok(strstr(message, "\nAuto-Submitted") == NULL, "a person's mail");
	free(message);

	c = begin("t\n", NULL, parts);
	c.subject = NULL;
	c.automatic = true;
	message = end(&c, &status, &len);
	ok(status == EX_OK && strncmp(message, "To: ", 4) == 0, "no subject");
	ok(strstr(message, "\nAuto-Submitted: auto-generated\n") != NULL,
	    "a machine's mail");
	free(message);

	c = begin("t\n", NULL, parts);
	c.recipients = evil_recipients;
	message = end(&c, &status, &len);
	ok(status == EX_OK && strstr(message, "\nBcc") == NULL &&
		strstr(message, "To: a@example.org?Bcc: c@example.org\n") !=
		    NULL,
	    "a recipient is no field");
	free(message);
}

/* Names longer than a file system allows, of any script. */
static void
test_long_name(void)
{
	static const char *const letters[] = { "x", "\345\233\276",
		"\360\237\230\200", "\"", "\\", "\n" };

	for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++) {
		struct bytes name = { 0 };
		struct part parts[FILES];
		int status;
		size_t len, longest = 0;
		for (int k = 0; k < 300; k++) {
			bytes_text(&name, letters[i]);
		}
		bytes_add(&name, ".png", 5);
		struct compose c = begin("t\n", NULL, parts);
		attach(&c, name.data, "x", 1);
		char *message = end(&c, &status, &len);
		for (char *l = message, *e; (e = strchr(l, '\n')) != NULL;
		     l = e + 1) {
			longest = (size_t)(e - l) > longest ? (size_t)(e - l)
			                                    : longest;
		}
		ok(status == EX_OK && longest <= 998 && longest > 20,
		    "a name of 300 characters, %zu", i);
		note("longest line: %zu", longest);
		free(message);
		free(name.data);
	}
}

/* What changes while it is read must not be sent. */
static void
test_changes(void)
{
	struct part parts[FILES];
	char path[PATH_MAX];
	int status;
	size_t len;
	struct compose c = begin("t\n", NULL, parts);

	attach(&c, "a.png", "12345", 5);
	parts[0].source.before.st_size = 6; /* it was longer then */
	free(end(&c, &status, &len));
	ok(status == EX_IOERR, "a file that became shorter");

	c = begin("t\n", NULL, parts);
	attach(&c, "a.png", "12345", 5);
	parts[0].source.before.st_size = 4;
	free(end(&c, &status, &len));
	ok(status == EX_IOERR, "a file that became longer");

	c = begin("t\n", NULL, parts);
	attach(&c, "a.png", "12345", 5);
	parts[0].source.before.st_mtim.tv_nsec ^= 1;
	free(end(&c, &status, &len));
	ok(status == EX_IOERR, "a file that was written to");

	struct source s;
	ok(source_open(&s, scratch_path(path, "missing")) == EX_NOINPUT,
	    "a file that is not there");
	ok(source_open(&s, scratch_dir) == EX_NOINPUT, "a folder");
	ok(source_open(&s, "/dev/null") == EX_NOINPUT, "a device");
	source_close(&s);
}

int
main(void)
{
	scratch_make();
	log_open("t-compose", LOG_TO_SYSLOG); /* what is refused is refused */
	test_structures();
	test_texts();
	test_head();
	test_long_name();
	test_changes();
	return tap_done();
}
