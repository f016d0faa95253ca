/* SPDX-License-Identifier: ISC */
/* The header fields of parts. */
#include "smtpd/send/part.h"

#include "common/log/log.h"
#include "common/mime/param.h"
#include "common/mime/word.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static const char octets[] = "application/octet-stream";

int
part_form(struct part *p, struct part_form *form)
{
	struct transfer_count count;

	mimetype_find(p->name, form->type);
	form->charset = NULL;
	form->transfer = TRANSFER_BASE64;
	bool text = strncmp(form->type, "text/", 5) == 0;
	bool mail = strcmp(form->type, "message/rfc822") == 0;
	if (text || mail) {
		int status = source_count(&p->source, &count);
		if (status != EX_OK) {
			return status;
		}
	}
	if (text) {
		form->charset = transfer_charset(&count);
	}
	if (mail && transfer_best(&count, true, false) == TRANSFER_7BIT) {
		form->transfer = TRANSFER_7BIT;
	} else if (strncmp(form->type, "message/", 8) == 0 ||
		   strncmp(form->type, "multipart/", 10) == 0) {
		strlcpy(form->type, octets, sizeof(form->type));
	}
	return EX_OK;
}

/* Writes "; name=value", in however many lines that takes. */
static int
put_param(const char *name, const char *value, FILE *out)
{
	size_t len = strlen(value);
	size_t size = PARAM_ENCODED(strlen(name), len);
	char *text = malloc(size);

	if (text == NULL ||
	    param_encode(name, value, len, "\n", text, size) == -1) {
		free(text);
		log_error("cannot name a part %s", value);
		return EX_OSERR;
	}
	fputs(text, out);
	free(text);
	return EX_OK;
}

int
part_head(const struct part *p, const struct part_form *form, FILE *out)
{
	fprintf(out, "Content-Type: %s", form->type);
	if (form->charset != NULL) {
		fprintf(out, "; charset=%s", form->charset);
	}
	int status = put_param("name", p->name, out);
	fprintf(out, "\nContent-Transfer-Encoding: %s\n",
	    transfer_name(form->transfer));
	if (p->referred) {
		fprintf(out, "Content-ID: <%s>\n", p->id);
	}
	fprintf(out, "Content-Disposition: %s",
	    p->shown || p->referred ? "inline" : "attachment");
	if (status == EX_OK) {
		status = put_param("filename", p->name, out);
	}
	fputc('\n', out);
	return status;
}

enum transfer
part_text_head(const struct text *t, const char *subtype, FILE *out)
{
	enum transfer transfer = transfer_best(&t->count, true, false);

	fprintf(out,
	    "Content-Type: text/%s; charset=%s\n"
	    "Content-Transfer-Encoding: %s\n",
	    subtype, transfer_charset(&t->count), transfer_name(transfer));
	return transfer;
}

int
part_field(const char *name, const char *text, FILE *out)
{
	size_t len = strlen(text);
	size_t size = WORD_ENCODED(len);
	char *value = malloc(size);

	if (value == NULL || word_encode(WORD_TEXT, text, len, strlen(name) + 2,
				 "\n", value, size) == -1) {
		free(value);
		log_error("cannot write the field %s", name);
		return EX_OSERR;
	}
	fprintf(out, "%s: %s\n", name, value);
	free(value);
	return EX_OK;
}
