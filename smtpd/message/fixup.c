/* SPDX-License-Identifier: ISC */
/* Goes through the fields of a header section, and writes them again. */
#include "smtpd/message/fixup.h"

#include "common/mime/header.h"
#include "common/mime/mailboxes.h"

#include <string.h>
#include <strings.h>

enum { ADDRESSES = 1, RECIPIENT = 2, BLIND = 4, RESENT = 8 };

/* The fields that matter here; each but the last two in a Resent- form, too. */
static const struct {
	const char *name;
	unsigned what, has;
} fields[] = {
	{ "From", ADDRESSES, FIXUP_FROM },
	{ "Sender", ADDRESSES, 0 },
	{ "Reply-To", ADDRESSES, 0 },
	{ "To", ADDRESSES | RECIPIENT, FIXUP_TO },
	{ "Cc", ADDRESSES | RECIPIENT, FIXUP_TO },
	{ "Bcc", RECIPIENT | BLIND, 0 },
	{ "Date", 0, FIXUP_DATE },
	{ "Message-ID", 0, FIXUP_ID },
};

static bool
is_empty(const struct field *f)
{
	for (size_t i = 0; i < f->value_len; i++) {
		if (strchr(" \t\r\n", f->value[i]) == NULL) {
			return false;
		}
	}
	return true;
}

/* What a field is; *has: which bit of fixup_has its presence is. */
static unsigned
kind(const struct field *f, unsigned *has)
{
	static const char prefix[] = "Resent-";
	size_t skip = sizeof(prefix) - 1;
	bool resent =
	    f->name_len > skip && strncasecmp(f->name, prefix, skip) == 0;
	size_t len = f->name_len - (resent ? skip : 0);

	*has = resent ? FIXUP_RESENT : 0;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (strlen(fields[i].name) == len &&
		    strncasecmp(f->name + (resent ? skip : 0), fields[i].name,
			len) == 0) {
			*has = resent ? FIXUP_RESENT : fields[i].has;
			return fields[i].what | (resent ? RESENT : 0);
		}
	}
	return 0;
}

unsigned
fixup_survey(const char *head, size_t len)
{
	const char *end = head + len;
	struct field f;
	unsigned found = 0, has;

	while (header_next(&head, end, &f)) {
		(void)kind(&f, &has);
		found |= is_empty(&f) ? 0 : has;
		found |= header_is(&f, "DKIM-Signature") ? FIXUP_SIGNED : 0;
	}
	return found;
}

/* Writes an address in place of the one in the field, if there is another. */
static const char *
write_address(const struct fixup *x, const struct mailboxes_entry *e,
    const char *from, FILE *out)
{
	const struct config *config = x->config;
	char address[ADDRESS_TEXT], whole[ADDRESS_TEXT], other[ADDRESS_TEXT];
	const char *end = e->spec.at + e->spec.len;

	/* What SMTP could not carry is no name of this machine. */
	if (mailboxes_address(e, address, sizeof(address)) == -1 ||
	    rewrite_path(config, address, whole) != PATH_OK ||
	    whole[0] == '\0') {
		return from;
	}
	if (rewrite_masquerade(config, x->whose, whole, other)) {
		fwrite(from, 1, (size_t)(e->spec.at - from), out);
		fputs(other, out);
		return end;
	}
	if (e->domain.len == 0) {
		fwrite(from, 1, (size_t)(end - from), out);
		fprintf(out, "@%s", config->hostname);
		return end;
	}
	return from;
}

static void
write_addresses(const struct fixup *x, const struct field *f, FILE *out)
{
	struct mailboxes list = { .text = f->value,
		.end = f->value + f->value_len };
	struct mailboxes_entry entry;
	const char *from = f->text;
	enum mailboxes_kind got;

	while ((got = mailboxes_next(&list, &entry)) != MAILBOXES_END) {
		if (got == MAILBOXES_ONE) {
			from = write_address(x, &entry, from, out);
		}
	}
	fwrite(from, 1, (size_t)(f->text + f->len - from), out);
}

/* One field; of mail sent on, only those of its sender name recipients. */
static int
fix_field(
    const struct fixup *x, const struct field *f, unsigned found, FILE *out)
{
	int result = 0;
	unsigned has, what = kind(f, &has);
	bool resent = (found & FIXUP_RESENT) != 0;
	bool is_signed = (found & FIXUP_SIGNED) != 0;

	if (x->recipients != NULL && (what & RECIPIENT) != 0 &&
	    resent == ((what & RESENT) != 0)) {
		result = recipients_add(x->recipients, x->config, f->value,
			     f->value_len) == RECIPIENTS_MEMORY
		             ? -1
		             : 0;
	}
	/* A field that must be there once, and is blank, is not. */
	bool blank = (has & ~(unsigned)FIXUP_RESENT) != 0 && is_empty(f);
	if ((what & BLIND) != 0 || (blank && !is_signed)) {
		return result;
	}
	if ((what & ADDRESSES) != 0 && !is_signed) {
		write_addresses(x, f, out);
	} else {
		fwrite(f->text, 1, f->len, out);
	}
	return result;
}

static void
add_field(FILE *out, unsigned there, const char *name, const char *value)
{
	if (!there && value != NULL) {
		fprintf(out, "%s: %s\n", name, value);
	}
}

int
fixup_head(const struct fixup *x, const char *head, size_t len, FILE *out)
{
	unsigned found = fixup_survey(head, len);
	const char *end = head + len;
	struct field f;

	while (header_next(&head, end, &f)) {
		if (fix_field(x, &f, found, out) == -1) {
			return -1;
		}
	}
	if ((found & FIXUP_SIGNED) != 0) {
		return ferror(out) != 0 ? -1 : 0;
	}
	add_field(out, found & FIXUP_FROM, "From", x->from);
	add_field(out, found & FIXUP_DATE, "Date", x->date);
	add_field(out, found & FIXUP_ID, "Message-ID", x->id);
	add_field(out, found & FIXUP_TO, "To",
	    x->no_to ? "undisclosed-recipients:;" : NULL);
	return ferror(out) != 0 ? -1 : 0;
}
