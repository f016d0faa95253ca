/* SPDX-License-Identifier: ISC */
/* Makes a mail with an aggregate report of DMARC (RFC 9990). */
#include "smtpd/admin/reports_send_private.h"

#include "common/io/notes_file.h"
#include "common/text/base64.h"
#include "common/text/inflate.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	ROOM = 2048,    /* octets of what is added at once */
	STORED = 65535, /* of a block of DEFLATE that is not packed */
};

void
report_add(struct output *out, const char *fmt, ...)
{
	char text[ROOM];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(text)) {
		out->failed = true;
		return;
	}
	output_add(out, text, (size_t)n);
}

/* ---- the report: no value in it has an octet that XML would quote ---- */

static void
add_head(const struct report_frame *f, struct output *out)
{
	const struct dmarc_record *p = f->policy;

	report_add(out,
	    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	    "<feedback xmlns=\"urn:ietf:params:xml:ns:dmarc-2.0\">\n"
	    "<version>1.0</version>\n<report_metadata>\n"
	    "<org_name>%s</org_name>\n<email>%s</email>\n",
	    f->host, f->from);
	report_add(out,
	    "<report_id>%" PRId64 ".%08" PRIx32 "</report_id>\n<date_range>"
	    "<begin>%" PRId64 "</begin><end>%" PRId64 "</end></date_range>\n"
	    "<generator>restante</generator>\n</report_metadata>\n",
	    f->begin, f->random, f->begin, f->begin + OUTBOX_DAY - 1);
	report_add(out,
	    "<policy_published>\n<domain>%s</domain>\n"
	    "<discovery_method>treewalk</discovery_method>\n<p>%s</p>\n"
	    "<sp>%s</sp>\n<np>%s</np>\n<adkim>%c</adkim>\n<aspf>%c</aspf>\n"
	    "<testing>%c</testing>\n</policy_published>\n",
	    f->domain, dmarc_policy_word(p->p), dmarc_policy_word(p->sp),
	    dmarc_policy_word(p->np), p->strict_dkim ? 's' : 'r',
	    p->strict_spf ? 's' : 'r', p->testing ? 'y' : 'n');
}

static void
add_record(const struct report_note *n, size_t count, struct output *out)
{
	report_add(out,
	    "<record>\n<row>\n<source_ip>%s</source_ip>\n<count>%zu</count>\n"
	    "<policy_evaluated>\n<disposition>%s</disposition>\n"
	    "<dkim>%s</dkim>\n<spf>%s</spf>\n",
	    n->address, count, n->done, n->dkim ? "pass" : "fail",
	    n->spf ? "pass" : "fail");
	if (n->reason[0] != '\0') {
		report_add(
		    out, "<reason><type>%s</type></reason>\n", n->reason);
	}
	report_add(out,
	    "</policy_evaluated>\n</row>\n<identifiers>\n"
	    "<header_from>%s</header_from>\n</identifiers>\n<auth_results>\n",
	    n->author);
	for (size_t i = 0; i < n->signatures; i++) {
		const struct report_signature *s = &n->signature[i];
		report_add(out,
		    "<dkim><domain>%s</domain><selector>%s</selector>"
		    "<result>%s</result></dkim>\n",
		    s->domain, s->selector, s->result);
	}
	if (n->sender[0] != '\0') {
		report_add(out,
		    "<spf><domain>%s</domain><scope>%s</scope>"
		    "<result>%s</result></spf>\n",
		    n->sender, n->helo ? "helo" : "mfrom", n->sender_result);
	}
	report_add(out, "</auth_results>\n</record>\n");
}

size_t
report_same(const struct span *lines, size_t count)
{
	size_t same = 1;

	while (same < count && lines[same].len == lines[0].len &&
	       memcmp(lines[same].at, lines[0].at, lines[0].len) == 0) {
		same++;
	}
	return same;
}

static void
add_report(const struct report_frame *f, const struct span *lines, size_t count,
    struct output *out)
{
	struct report_note n;

	add_head(f, out);
	for (size_t i = 0, same; i < count; i += same) {
		same = report_same(lines + i, count - i);
		if (report_note_read(lines[i].at, lines[i].len, &n)) {
			add_record(&n, same, out);
		}
	}
	report_add(out, "</feedback>\n");
}

/* ---- gzip (RFC 1952), which packs nothing ---- */

static void
put(struct output *out, uint64_t value, size_t octets)
{
	for (size_t i = 0; i < octets; i++) {
		const char c = (char)(value >> 8 * i);
		output_add(out, &c, 1);
	}
}

void
report_add_gzip(const struct output *xml, struct output *out)
{
	static const char header[] = "\x1f\x8b\x08\0\0\0\0\0\0\xff";

	output_add(out, header, sizeof(header) - 1);
	for (size_t at = 0; at < xml->len || at == 0;) {
		size_t n = xml->len - at < STORED ? xml->len - at : STORED;
		put(out, at + n == xml->len, 1);
		put(out, n, 2);
		put(out, ~n, 2);
		output_add(out, xml->data + at, n);
		at += n;
	}
	put(out, inflate_crc((const uint8_t *)xml->data, xml->len), 4);
	put(out, xml->len, 4);
}

void
report_add_base64(const struct output *data, struct output *out)
{
	struct base64_encoder e = { .crlf = false };
	char text[BASE64_ROOM * 8];
	size_t n;

	for (size_t at = 0; at < data->len;) {
		at += base64_encode_lines(&e, data->data + at, data->len - at,
		    text, sizeof(text), &n);
		output_add(out, text, n);
	}
	output_add(out, text, base64_encode_end(&e, text));
}

/* ---- the mail ---- */

static void
make(const struct report_frame *f, const struct span *lines, size_t count,
    const char *to, struct output *out)
{
	struct output xml = { .len = 0 }, packed = { .len = 0 };

	add_report(f, lines, count, &xml);
	if (!xml.failed) {
		report_add_gzip(&xml, &packed);
	}
	report_add(out,
	    "From: %s\nTo: %s\nSubject: Report Domain: %s\n Submitter: %s\n"
	    " Report-ID: <%" PRId64 ".%08" PRIx32 "@%s>\n",
	    f->from, to, f->domain, f->host, f->begin, f->random, f->host);
	report_add(out,
	    "Auto-Submitted: auto-generated\nMIME-Version: 1.0\n"
	    "Content-Type: multipart/mixed; boundary=\"report-%08" PRIx32
	    "\"\n\n--report-%08" PRIx32 "\n"
	    "Content-Type: text/plain; charset=us-ascii\n\n"
	    "This is an aggregate report of DMARC (RFC 9990) from\n%s,\n"
	    "for mail in the name of %s.\n\n--report-%08" PRIx32 "\n",
	    f->random, f->random, f->host, f->domain, f->random);
	report_add(out,
	    "Content-Type: application/gzip\n"
	    "Content-Transfer-Encoding: base64\n"
	    "Content-Disposition: attachment;\n"
	    " filename=\"%s!%s!%" PRId64 "!%" PRId64 "!%08" PRIx32
	    ".xml.gz\"\n\n",
	    f->host, f->domain, f->begin, f->begin + OUTBOX_DAY - 1, f->random);
	report_add_base64(&packed, out);
	report_add(out, "--report-%08" PRIx32 "--\n", f->random);
	out->failed = out->failed || xml.failed || packed.failed;
	output_free(&xml);
	output_free(&packed);
}

static bool
read(const char *line, size_t len, char domain[ASK_NAME])
{
	struct report_note n;

	if (!report_note_read(line, len, &n)) {
		return false;
	}
	memcpy(domain, n.policy, ASK_NAME);
	return true;
}

const struct report_kind report_dmarc = {
	.files = NOTES_DMARC,
	.name = "DMARC",
	.sender = "noreply-dmarc",
	.read = read,
	.make = make,
};
