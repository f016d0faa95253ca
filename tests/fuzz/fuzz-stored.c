/* SPDX-License-Identifier: ISC */
/*
 * Messages that are brought here: what a file of a Maildir has comes out line
 * by line; what an mbox has becomes as many messages, with the same content.
 */
#include "spool/stored.h"

#include "common/io/file.h"
#include "common/tls/crypto.h"
#include "spool/scan.h"
#include "spool/visible.h"
#include "tests/fuzz/fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#define FIELDS "Status: RO\nX-Restante-UIDL: x\n"

static struct crypto_hash hash;

/* The same without CR before LF, and with an end. */
static size_t
plain(const char *from, size_t size, char *to)
{
	size_t n = 0;

	for (size_t i = 0; i < size; i++) {
		if (from[i] != '\r' || i + 1 == size || from[i + 1] != '\n') {
			to[n++] = from[i];
		}
	}
	if (n > 0 && to[n - 1] != '\n') {
		to[n++] = '\n';
	}
	return n;
}

/* The id that a message of these octets has. */
static void
digest(const char *text, size_t len, uint8_t id[16])
{
	uint8_t all[CRYPTO_SHA256];

	crypto_hash_add(&hash, text, len);
	crypto_hash_result(&hash, all);
	memcpy(id, all, 16);
}

static void
check_file(int in, int out, const char *text, size_t size)
{
	struct stored_source s = { .fd = in,
		.to = (int64_t)size,
		.from_line = "From x Mon Jan  6 10:00:00 2025\n",
		.fields = FIELDS };
	char *copy = malloc(size + 1);
	struct message m;
	uint8_t id[16];

	MUST(copy != NULL);
	digest(copy, plain(text, size, copy), id);
	MUST(stored_write(&s, out, 0, &m) == 0);
	MUST(visible_digest(out, &m, &hash) == 0);
	MUST(memcmp(id, m.id, sizeof(id)) == 0);
	free(copy);
}

static void
check_mbox(int in, int out)
{
	struct message *list, *again, m;
	size_t count, found;
	off_t at = 0;

	MUST(scan_mailbox(in, 0, &list, &count) == 0);
	for (size_t i = 0; i < count; i++) {
		struct stored_source s = { .fd = in,
			.from = list[i].text,
			.to = list[i].end,
			.from_line = "From x Mon Jan  6 10:00:00 2025\n",
			.fields = FIELDS,
			.mbox = true,
			.quoted = true };
		MUST(stored_write(&s, out, at, &m) == 0);
		MUST(visible_digest(in, &list[i], &hash) == 0);
		MUST(visible_digest(out, &m, &hash) == 0);
		MUST(memcmp(list[i].id, m.id, sizeof(m.id)) == 0);
		MUST(file_write(out, "\n", 1, m.end) == 0);
		at = m.end + 1;
	}
	MUST(scan_mailbox(out, 0, &again, &found) == 0 && found == count);
	free(list);
	free(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	int in = memfd_create("in", MFD_CLOEXEC);
	int out = memfd_create("out", MFD_CLOEXEC);

	crypto_hash_begin(&hash);
	MUST(in != -1 && out != -1 && file_write(in, text, size, 0) == 0);
	if (size < 5 || memcmp(text, "From ", 5) != 0) {
		check_file(in, out, text, size);
	} else {
		check_mbox(in, out);
	}
	close(in);
	close(out);
	free(text);
	return 0;
}
