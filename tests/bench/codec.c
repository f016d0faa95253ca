/* SPDX-License-Identifier: ISC */
/* codec NAME MEGABYTES: how fast a transfer encoding is, in MB/s of data. */
#include "common/mime/multipart.h"
#include "common/mime/qp.h"
#include "common/text/base64.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CHUNK = 65536 };

static size_t
step(const char *name, const char *in, size_t len, char *out, size_t size)
{
	static struct base64_encoder be;
	static struct base64_decoder bd;
	static struct qp_encoder qe;
	static struct qp_decoder qd;
	size_t n;

	if (strcmp(name, "base64-encode") == 0) {
		return base64_encode_lines(&be, in, len, out, size, &n);
	}
	if (strcmp(name, "base64-decode") == 0) {
		return base64_decode_lines(&bd, in, len, out, size, &n);
	}
	return strcmp(name, "qp-encode") == 0
	           ? qp_encode(&qe, in, len, out, size, &n)
	           : qp_decode(&qd, in, len, out, size, &n);
}

/* A walk through one part, all of which is body. */
static void
walk(struct multipart *m, const char *in, size_t len)
{
	multipart_feed(m, in, len);
	while (multipart_next(m) != MULTIPART_MORE) {
	}
}

int
main(int argc, char **argv)
{
	static const char head[] = "Content-Type: multipart/x; boundary=b\n\n"
				   "--b\n\n";
	static char in[CHUNK], out[4 * CHUNK], room[HEADER_KEPT];
	static struct multipart m;
	struct timespec a, b;

	if (argc != 3) {
		fprintf(stderr, "usage: codec NAME MEGABYTES < DATA\n");
		return 64;
	}
	size_t len = fread(in, 1, sizeof(in), stdin);
	size_t total = strtoul(argv[2], NULL, 10) * 1000000;
	multipart_init(&m, room, sizeof(room));
	walk(&m, head, sizeof(head) - 1);
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (size_t done = 0; len > 0 && done < total; done += len) {
		if (strcmp(argv[1], "walk") == 0) {
			walk(&m, in, len);
			continue;
		}
		for (size_t i = 0; i < len;) {
			i += step(argv[1], in + i, len - i, out, sizeof(out));
		}
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	double seconds = (double)(b.tv_sec - a.tv_sec) +
	                 (double)(b.tv_nsec - a.tv_nsec) / 1e9;
	printf("%.0f\n", (double)total / 1e6 / seconds);
	return 0;
}
