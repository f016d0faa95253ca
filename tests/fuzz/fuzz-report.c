/* SPDX-License-Identifier: ISC */
/* Reports of DMARC: what is summed up is what a reader may hand on, and a
   report counts once. */
#include "smtpd/admin/reports_private.h"

#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char *room;
	static struct report_sum sum;
	char *text = fuzz_text(data, size);

	if (room == NULL) {
		MUST((room = malloc(REPORT_UNPACKED)) != NULL);
	}
	memset(&sum, 0, sizeof(sum));
	struct report_bound bound = { REPORT_UNPACKED, "it is large" };
	(void)report_unpack(text, size, room, &bound, &sum, "it");
	MUST(bound.left <= REPORT_UNPACKED);
	MUST(report_sum_valid(&sum));
	uint64_t reports = sum.reports, twice = sum.twice;
	uint32_t rows = sum.nrows;
	bound.left = REPORT_UNPACKED;
	(void)report_unpack(text, size, room, &bound, &sum, NULL);
	MUST(report_sum_valid(&sum));
	MUST(sum.reports == reports && sum.nrows == rows);
	MUST(sum.twice == 2 * twice + reports);
	free(text);
	return 0;
}
