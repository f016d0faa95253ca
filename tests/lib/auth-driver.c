/* SPDX-License-Identifier: ISC */
/*
 * Runs the machines of common/auth for a test in Python, which is the DNS.
 * Lines on stdin begin with one of these; octets are in hexadecimal:
 *
 *   spf ADDRESS HELO SENDER     an evaluation; answers "ask TYPE NAME" or
 *                               "done RESULT EXPLANATION # REASON"
 *   answer STATUS [RECORD ...]  the answer to a question: ok, no-data, no-name
 *                               or failed; the reply is as above
 *   dmarc AUTHOR [spf|dkim DOMAIN ...]
 *                               an evaluation, of which each question is
 *                               "ask TXT NAME"; answers "done RESULT POLICY
 *                               APPLIED DOMAIN"
 *   resolver ADDRESS [SOCKET]   from now on a name server is asked, by the
 *                               resolver at that socket if there is one, and an
 *                               evaluation has a result at once
 */
#include "common/auth/spf.h"

#include "common/auth/dmarc.h"
#include "common/io/deadline.h"
#include "common/text/bytes.h"
#include "common/text/network.h"
#include "smtpd/auth/verify_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	FIELDS = ASK_RECORDS + 2,
	PATIENCE = 2000, /* ms, where a name server is silent on purpose */
};

static const char *const types[] = { "TXT", "A", "AAAA", "MX", "PTR" };

/* Replaces hexadecimal digits by what they stand for, and a NUL. */
static size_t
decode(char *text)
{
	size_t n = 0;

	if (text[0] == '-') {
		text[0] = '\0';
		return 0;
	}
	for (; text[2 * n] != '\0' && text[2 * n + 1] != '\0'; n++) {
		text[n] = (char)(hex_digit(text[2 * n]) << 4 |
				 hex_digit(text[2 * n + 1]));
	}
	text[n] = '\0';
	return n;
}

static void
print_hex(const char *text)
{
	if (*text == '\0') {
		printf("-");
	}
	for (; *text != '\0'; text++) {
		printf("%02x", (unsigned char)*text);
	}
}

static void
tell(const struct spf *s, bool asks)
{
	if (asks) {
		printf("ask %s ", types[s->ask.type]);
		print_hex(s->ask.name);
	} else {
		printf("done %s ", spf_word(s->result));
		print_hex(s->explanation);
		printf(" # %s", s->reason);
	}
	printf("\n");
	fflush(stdout);
}

static bool
begin(struct spf *s, char **field)
{
	struct spf_question q = { .receiver = "receiver.example",
		.time = 1796100000,
		.explain = true };

	if (!network_address(field[0], q.address)) {
		exit(2);
	}
	decode(field[1]);
	decode(field[2]);
	q.helo = field[1];
	q.sender = field[2];
	return spf_begin(s, &q);
}

static void
read_answer(struct ask_answer *a, char **field, size_t n)
{
	a->n = 0;
	a->status = strcmp(field[0], "ok") == 0        ? ASK_OK
	            : strcmp(field[0], "no-data") == 0 ? ASK_NO_DATA
	            : strcmp(field[0], "no-name") == 0 ? ASK_NO_NAME
	                                               : ASK_FAILED;
	for (size_t i = 1; i < n && a->n < ASK_RECORDS; i++) {
		a->record[a->n++] = (struct span){ field[i], decode(field[i]) };
	}
}

static bool
answer(struct spf *s, char **field, size_t n)
{
	static struct ask_answer a;

	read_answer(&a, field, n);
	return spf_answer(s, &a);
}

/* Reads a line and cuts it; how many fields. */
static size_t
read_line(char *field[FIELDS])
{
	static char *line;
	static size_t size;
	size_t n = 0;

	if (getline(&line, &size, stdin) <= 0) {
		free(line);
		return 0;
	}
	for (char *rest = line, *f;
	     n < FIELDS && (f = strsep(&rest, " \n")) != NULL;) {
		if (*f != '\0') {
			field[n++] = f;
		}
	}
	return n;
}

/* Evaluates DMARC from one line on, and reads the answers. */
static void
run_dmarc(char **field, size_t n)
{
	static struct dmarc d;
	static struct ask_answer a;
	struct ask asks[DMARC_STEPS];
	char *words[FIELDS];
	size_t count;

	dmarc_begin(&d, field[1]);
	for (size_t i = 2; i + 1 < n && d.identifiers < DMARC_IDENTIFIERS;
	     i += 2) {
		struct dmarc_identifier *id = &d.identifier[d.identifiers++];
		snprintf(id->domain, sizeof(id->domain), "%s", field[i + 1]);
		id->dkim = strcmp(field[i], "dkim") == 0;
	}
	while ((count = dmarc_next(&d, asks)) > 0) {
		for (size_t i = 0; i < count; i++) {
			printf("ask TXT ");
			print_hex(asks[i].name);
			printf("\n");
			fflush(stdout);
			if ((n = read_line(words)) < 2) {
				exit(2);
			}
			read_answer(&a, words + 1, n - 1);
			dmarc_answer(&d, asks[i].name, &a);
		}
	}
	printf("done %s %s %s %s\n", dmarc_word(d.result),
	    dmarc_policy_word(d.published), dmarc_policy_word(d.apply),
	    d.policy_domain[0] != '\0' ? d.policy_domain : "-");
	fflush(stdout);
}

/* Asks a name server until there is a result. */
static bool
ask_all(struct spf *s, struct verification *v, bool asks)
{
	v->deadline = deadline_now() + PATIENCE;
	while (asks && v->dns != NULL) {
		verify_ask(v, &s->ask, 1);
		asks = spf_answer(s, &v->records[0].answer);
	}
	return asks;
}

static void
use_server(struct verification *v, const char *address, const char *path)
{
	static struct config config;

	snprintf(config.resolver, sizeof(config.resolver), "%s", address);
	snprintf(config.resolver_socket, sizeof(config.resolver_socket), "%s",
	    path == NULL ? "/nonexistent" : path);
	v->dns = dns_open_worker(&config);
	if (v->dns == NULL || dns_needs_sockets(v->dns) != (path == NULL)) {
		exit(2);
	}
	printf("using\n");
	fflush(stdout);
}

int
main(void)
{
	struct spf *s = calloc(1, sizeof(*s));
	struct verification *v = calloc(1, sizeof(*v));
	char *field[FIELDS];
	size_t n = 0;

	while (s != NULL && v != NULL && (n = read_line(field)) > 0) {
		if (n == 4 && strcmp(field[0], "spf") == 0) {
			tell(s, ask_all(s, v, begin(s, field + 1)));
		} else if (n > 1 && strcmp(field[0], "dmarc") == 0) {
			run_dmarc(field, n);
		} else if (n > 1 && strcmp(field[0], "resolver") == 0) {
			use_server(v, field[1], n > 2 ? field[2] : NULL);
		} else if (n > 1 && strcmp(field[0], "answer") == 0) {
			tell(s, answer(s, field + 1, n - 1));
		} else {
			return 2;
		}
	}
	dns_close(v == NULL ? NULL : v->dns);
	free(v);
	free(s);
	return 0;
}
