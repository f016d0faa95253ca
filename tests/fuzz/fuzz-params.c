/* SPDX-License-Identifier: ISC */
/* Parameters: what follows a good one decides nothing about it. */
#include "smtpd/session/params.h"

#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	char *more = malloc(size + 16);
	struct mail_params p, q;

	MUST(more != NULL);
	enum params result = params_mail(text, &p);
	snprintf(more, size + 16, "%s SIZE=17", text);
	MUST(params_mail(more, &q) == result);
	MUST(result != PARAMS_OK ||
	     (q.size == 17 && q.eight_bit == p.eight_bit));
	MUST(p.priority >= -MAIL_PRIORITY && p.priority <= MAIL_PRIORITY);
	MUST(p.by.seconds >= -999999999 && p.by.seconds <= 999999999);
	struct rcpt_params r;
	if (params_rcpt(text, &r) == PARAMS_OK) {
		MUST(r.notify <= 0xf && strlen(r.orcpt) <= MAIL_ORCPT);
		MUST(
		    (r.notify & NOTIFY_NEVER) == 0 || r.notify == NOTIFY_NEVER);
		/* It goes to servers without SMTPUTF8, too. */
		for (const char *c = r.orcpt; *c != '\0'; c++) {
			MUST(*c > ' ' && *c < 0x7f);
		}
	}
	free(more);
	free(text);
	return 0;
}
