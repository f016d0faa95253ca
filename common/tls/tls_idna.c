/* SPDX-License-Identifier: ISC */
/* Internationalized domain names by GnuTLS. */
#include "common/tls/tls_idna.h"

#include "common/tls/tls_private.h"

#include <stdlib.h>
#include <string.h>

enum idna
tls_idna_label(
    const void *none, const char *label, size_t len, char out[IDNA_LABEL + 1])
{
	const struct tls_library *lib = tls_library();
	gnutls_datum_t mapped = { .size = 0 };

	(void)none;
	if (lib == NULL) {
		return IDNA_LATER;
	}
	int error = lib->gnutls_idna_map(label, (unsigned)len, &mapped, 0);
	if (error != 0) {
		return error == GNUTLS_E_MEMORY_ERROR ||
		               error == GNUTLS_E_UNIMPLEMENTED_FEATURE ||
		               tls_memory_is_short()
		           ? IDNA_LATER
		           : IDNA_NO;
	}
	bool fits = mapped.size > 0 && mapped.size <= IDNA_LABEL;
	if (fits) {
		memcpy(out, mapped.data, mapped.size);
		out[mapped.size] = '\0';
	}
	free(mapped.data); /* GnuTLS has its memory from malloc(3) */
	return fits ? IDNA_OK : IDNA_LONG;
}
