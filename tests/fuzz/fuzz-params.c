/* SPDX-License-Identifier: ISC */
/* Parameters: what follows a good one decides nothing about it. */
#include "smtpd/session/params.h"

#include "tests/fuzz/fuzz.h"

static const time_t now = 1763780000;

/* What has been read is carried by the text of the envelope. */
static void
check_text(enum params result, struct mail *m)
{
	const struct recipient bob = { .text = "bob@example.org" };
	struct mail back;
	size_t len, end;

	if (result != PARAMS_OK) {
		return;
	}
	m->size = 0; /* as announced, which may be any */
	MUST(mail_add(m, &bob) == 0);
	char *head = mail_head(m, &len);
	MUST(head != NULL);
	MUST(mail_parse(&back, head, len, &end) == MAIL_OK && end == len);
	MUST(back.hold == m->hold && back.priority == m->priority);
	MUST(back.by.mode == m->by.mode && back.by.time == m->by.time);
	MUST(strcmp(back.envid, m->envid) == 0 && back.ret == m->ret);
	MUST(back.by.trace == m->by.trace && back.utf8 == m->utf8 &&
	     back.eight_bit == m->eight_bit && back.need_tls == m->need_tls);
	free(head);
	mail_free(&back);
	mail_free(m);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	char *more = malloc(size + 16);
	const struct params_rules rules = {
		.now = now, .tls = size % 2 == 0, .hold = size % 3 != 0
	};
	char orcpt[MAIL_ORCPT + 1];
	struct recipient r;
	struct mail p, q;
	bool binary, again;

	MUST(more != NULL);
	mail_init(&p);
	mail_init(&q);
	enum params result = params_mail(text, &rules, &p, &binary);
	snprintf(more, size + 16, "%s SIZE=17", text);
	MUST(params_mail(more, &rules, &q, &again) == result);
	MUST(result != PARAMS_OK ||
	     (q.size == 17 && q.eight_bit == p.eight_bit && binary == again));
	MUST(!p.need_tls || rules.tls);
	MUST(p.hold == 0 ||
	     (rules.hold && p.hold > now && p.hold <= now + MAIL_HOLD));
	MUST(p.priority >= -MAIL_PRIORITY && p.priority <= MAIL_PRIORITY);
	MUST(p.by.time == 0 || (p.by.time >= now - PARAMS_BY_MOST &&
				   p.by.time <= now + PARAMS_BY_MOST));
	check_text(result, &p);
	bool report = false;
	if (params_rcpt(text, &r, orcpt, size % 2 == 0 ? &report : NULL) ==
	    PARAMS_OK) {
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
