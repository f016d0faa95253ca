/* SPDX-License-Identifier: ISC */
/* A head that is read is written again as it was, but for its slots. */
#include "spool/mail.h"

#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct mail m, back;
	size_t len = 0, again, twice, end;
	enum mail_parsed result = mail_parse(&m, text, size, &len);

	if (result == MAIL_SHORT && size > 0) {
		MUST(mail_parse(&m, text, size - 1, &end) == MAIL_SHORT);
	}
	if (result != MAIL_OK) {
		return 0;
	}
	MUST(len <= size && m.count > 0);
	MUST(mail_parse(&back, text, len - 1, &end) == MAIL_SHORT);
	char *head = mail_head(&m, &again);
	MUST(head != NULL);
	MUST(mail_parse(&back, head, again, &end) == MAIL_OK && end == again);
	MUST(!m.need_tls || !m.tls_optional);
	MUST(back.priority == m.priority);
	MUST(back.by.mode == m.by.mode && back.by.time == m.by.time);
	MUST(back.count == m.count && back.size == m.size);
	for (size_t i = 0; i < m.count; i++) {
		const struct recipient *x = &m.recipients[i];
		const struct recipient *y = &back.recipients[i];
		MUST(strcmp(x->text, y->text) == 0 && x->target == y->target);
		MUST(x->slot.state == y->slot.state);
		MUST(x->slot.attempts == y->slot.attempts);
		MUST(x->slot.next == y->slot.next);
	}
	size_t table = (m.count + 1) * MAIL_LINE;
	MUST(again == len &&
	     memcmp(head + table, text + table, len - table) == 0);
	/* What has been written once reads, and is written, as the same. */
	char *second = mail_head(&back, &twice);
	MUST(second != NULL && twice == again &&
	     memcmp(second, head, again) == 0);
	free(second);
	free(head);
	mail_free(&back);
	mail_free(&m);
	return 0;
}
