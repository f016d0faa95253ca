/* SPDX-License-Identifier: ISC */
/* Makes a report on TLS (RFC 8460). */
#include "smtpd/admin/reports_send_private.h"

#include "common/io/notes_file.h"
#include "smtpd/agent/tls_note.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- the report: no value in it has an octet that JSON would quote ---- */

static void
add_time(const char *name, int64_t at, struct output *out)
{
	char text[32] = "";
	time_t time = (time_t)at;
	struct tm tm;

	if (gmtime_r(&time, &tm) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
		out->failed = true;
	}
	report_add(out, "\"%s\":\"%s\"", name, text);
}

static void
add_head(const struct report_frame *f, struct output *out)
{
	report_add(
	    out, "{\"organization-name\":\"%s\",\"date-range\":{", f->host);
	add_time("start-datetime", f->begin, out);
	report_add(out, ",");
	add_time("end-datetime", f->begin + OUTBOX_DAY - 1, out);
	report_add(out,
	    "},\"contact-info\":\"%s\",\"report-id\":\"%" PRId64 ".%08" PRIx32
	    "@%s\",\"policies\":[",
	    f->from, f->begin, f->random, f->host);
}

/* A member that is there if it is known. */
static void
add_member(const char *name, const char *value, struct output *out)
{
	if (value[0] != '\0') {
		report_add(out, "\"%s\":\"%s\",", name, value);
	}
}

/* The strings of the policy that begin with start, without that. */
static void
add_strings(
    const char *name, const char *text, const char *start, struct output *out)
{
	size_t skip = strlen(start), n, added = 0;

	for (; *text != '\0'; text += n + (text[n] == ';')) {
		n = strcspn(text, ";");
		if (n <= skip || strncmp(text, start, skip) != 0) {
			continue;
		}
		if (added++ == 0) {
			report_add(out, ",\"%s\":[\"", name);
		} else {
			report_add(out, "\",\"");
		}
		for (size_t i = skip; i < n; i++) {
			const char c = text[i] == '+' ? ' ' : text[i];
			output_add(out, &c, 1);
		}
	}
	if (added > 0) {
		report_add(out, "\"]");
	}
}

static void
add_failures(const struct span *lines, size_t count, struct output *out)
{
	const char *before = "";
	struct tls_note n;

	for (size_t i = 0, same; i < count; i += same) {
		same = report_same(lines + i, count - i);
		if (!tls_note_read(lines[i].at, lines[i].len, &n) ||
		    n.result == TLS_RESULT_OK) {
			continue;
		}
		report_add(out, "%s{\"result-type\":\"%s\",", before,
		    tls_result_words[n.result]);
		add_member("sending-mta-ip", n.source, out);
		add_member("receiving-mx-hostname", n.host, out);
		add_member("receiving-ip", n.address, out);
		report_add(out, "\"failed-session-count\":%zu}", same);
		before = ",";
	}
}

/* Adds one policy, of these lines. */
static void
add_policy(const struct span *lines, size_t count, struct output *out)
{
	struct tls_note n;
	size_t good = 0;

	for (size_t i = 0; i < count; i++) {
		good += tls_note_read(lines[i].at, lines[i].len, &n) &&
		        n.result == TLS_RESULT_OK;
	}
	(void)tls_note_read(lines[0].at, lines[0].len, &n);
	report_add(out, "{\"policy\":{\"policy-type\":\"%s\"",
	    tls_policy_words[n.policy]);
	add_strings("policy-string", n.text, "", out);
	report_add(out, ",\"policy-domain\":\"%s\"", n.domain);
	add_strings("mx-host", n.text, "mx:+", out);
	report_add(out,
	    "},\"summary\":{\"total-successful-session-count\":%zu,"
	    "\"total-failure-session-count\":%zu}",
	    good, count - good);
	if (good < count) {
		report_add(out, ",\"failure-details\":[");
		add_failures(lines, count, out);
		report_add(out, "]");
	}
	report_add(out, "}");
}

static void
add_report(const struct report_frame *f, const struct span *lines, size_t count,
    struct output *out)
{
	struct tls_note first, n;

	add_head(f, out);
	for (size_t i = 0, same; i < count; i += same) {
		(void)tls_note_read(lines[i].at, lines[i].len, &first);
		for (same = 1; i + same < count &&
			       tls_note_read(lines[i + same].at,
				   lines[i + same].len, &n) &&
			       n.policy == first.policy &&
			       strcmp(n.text, first.text) == 0;) {
			same++;
		}
		report_add(out, "%s", i == 0 ? "" : ",");
		add_policy(lines + i, same, out);
	}
	report_add(out, "]}\n");
}

/* ---- the mail ---- */

static void
add_mail(const struct report_frame *f, const struct output *packed,
    const char *to, struct output *out)
{
	report_add(out,
	    "From: %s\nTo: %s\nSubject: Report Domain: %s\n Submitter: %s\n"
	    " Report-ID: <%" PRId64 ".%08" PRIx32 "@%s>\n",
	    f->from, to, f->domain, f->host, f->begin, f->random, f->host);
	/* It has to arrive, above all if TLS does not work. */
	report_add(out,
	    "TLS-Report-Domain: %s\nTLS-Report-Submitter: %s\n"
	    "TLS-Required: No\n",
	    f->domain, f->host);
	report_add(out,
	    "Auto-Submitted: auto-generated\nMIME-Version: 1.0\n"
	    "Content-Type: multipart/report; report-type=\"tlsrpt\";\n"
	    " boundary=\"report-%08" PRIx32 "\"\n\n--report-%08" PRIx32 "\n"
	    "Content-Type: text/plain; charset=us-ascii\n\n"
	    "This is a report on TLS (RFC 8460) from\n%s,\n"
	    "about mail that it has sent to %s.\n\n--report-%08" PRIx32 "\n",
	    f->random, f->random, f->host, f->domain, f->random);
	report_add(out,
	    "Content-Type: application/tlsrpt+gzip\n"
	    "Content-Transfer-Encoding: base64\n"
	    "Content-Disposition: attachment;\n"
	    " filename=\"%s!%s!%" PRId64 "!%" PRId64 "!%08" PRIx32
	    ".json.gz\"\n\n",
	    f->host, f->domain, f->begin, f->begin + OUTBOX_DAY - 1, f->random);
	report_add_base64(packed, out);
	report_add(out, "--report-%08" PRIx32 "--\n", f->random);
}

static void
make(const struct report_frame *f, const struct span *lines, size_t count,
    const char *to, struct output *out)
{
	struct output json = { .len = 0 }, packed = { .len = 0 };

	add_report(f, lines, count, &json);
	if (json.failed) {
		out->failed = true;
	} else if (report_is_web(to)) {
		report_add_gzip(&json, out);
	} else {
		report_add_gzip(&json, &packed);
		add_mail(f, &packed, to, out);
	}
	out->failed = out->failed || packed.failed;
	output_free(&json);
	output_free(&packed);
}

static bool
read(const char *line, size_t len, char domain[ASK_NAME])
{
	struct tls_note n;

	if (!tls_note_read(line, len, &n)) {
		return false;
	}
	memcpy(domain, n.domain, ASK_NAME);
	return true;
}

const struct report_kind report_tls = {
	.files = NOTES_TLS,
	.name = "TLS",
	.sender = "noreply-tls",
	.tls = true,
	.read = read,
	.make = make,
};
