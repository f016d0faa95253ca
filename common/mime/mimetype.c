/* SPDX-License-Identifier: ISC */
/* Content types by the extensions of file names. */
#include "common/mime/mimetype.h"

#include "common/io/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MOST = 4 * 1024 * 1024 }; /* the usual one has 70 KiB */

#define OFFICE "application/vnd.openxmlformats-officedocument."
#define OPEN "application/vnd.oasis.opendocument."

static const struct {
	const char *extension, *type;
} table[] = {
	{ "7z", "application/x-7z-compressed" },
	{ "avi", "video/x-msvideo" },
	{ "bin", "application/octet-stream" },
	{ "bmp", "image/bmp" },
	{ "bz2", "application/x-bzip2" },
	{ "css", "text/css" },
	{ "csv", "text/csv" },
	{ "diff", "text/x-diff" },
	{ "doc", "application/msword" },
	{ "docx", OFFICE "wordprocessingml.document" },
	{ "dot", "application/msword" },
	{ "eml", "message/rfc822" },
	{ "gif", "image/gif" },
	{ "gz", "application/gzip" },
	{ "htm", "text/html" },
	{ "html", "text/html" },
	{ "ics", "text/calendar" },
	{ "jpe", "image/jpeg" },
	{ "jpeg", "image/jpeg" },
	{ "jpg", "image/jpeg" },
	{ "json", "application/json" },
	{ "log", "text/plain" },
	{ "m4a", "audio/mp4" },
	{ "m4v", "video/mp4" },
	{ "md", "text/markdown" },
	{ "mov", "video/quicktime" },
	{ "mp3", "audio/mpeg" },
	{ "mp4", "video/mp4" },
	{ "mpeg", "video/mpeg" },
	{ "mpg", "video/mpeg" },
	{ "odp", OPEN "presentation" },
	{ "ods", OPEN "spreadsheet" },
	{ "odt", OPEN "text" },
	{ "ogg", "audio/ogg" },
	{ "patch", "text/x-diff" },
	{ "pdf", "application/pdf" },
	{ "png", "image/png" },
	{ "pot", "application/vnd.ms-powerpoint" },
	{ "pps", "application/vnd.ms-powerpoint" },
	{ "ppt", "application/vnd.ms-powerpoint" },
	{ "pptx", OFFICE "presentationml.presentation" },
	{ "ps", "application/postscript" },
	{ "rar", "application/vnd.rar" },
	{ "rtf", "application/rtf" },
	{ "svg", "image/svg+xml" },
	{ "tar", "application/x-tar" },
	{ "text", "text/plain" },
	{ "tgz", "application/gzip" },
	{ "tif", "image/tiff" },
	{ "tiff", "image/tiff" },
	{ "txt", "text/plain" },
	{ "vcf", "text/vcard" },
	{ "wav", "audio/x-wav" },
	{ "webm", "video/webm" },
	{ "webp", "image/webp" },
	{ "xls", "application/vnd.ms-excel" },
	{ "xlsx", OFFICE "spreadsheetml.sheet" },
	{ "xlt", "application/vnd.ms-excel" },
	{ "xml", "application/xml" },
	{ "xz", "application/x-xz" },
	{ "yaml", "application/yaml" },
	{ "yml", "application/yaml" },
	{ "zip", "application/zip" },
	{ "zst", "application/zstd" },
};

/* What comes after the last dot of the last part; NULL: nothing. */
static const char *
extension_of(const char *filename)
{
	const char *slash = strrchr(filename, '/');
	const char *base = slash == NULL ? filename : slash + 1;
	const char *dot = strrchr(base, '.');

	/* ".profile" has none. */
	return dot == NULL || dot == base || dot[1] == '\0' ? NULL : dot + 1;
}

static const char *
known(const char *filename)
{
	const char *extension = extension_of(filename);

	if (extension == NULL) {
		return NULL;
	}
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (strcasecmp(extension, table[i].extension) == 0) {
			return table[i].type;
		}
	}
	return NULL;
}

const char *
mimetype_builtin(const char *filename)
{
	const char *type = known(filename);

	return type == NULL ? "application/octet-stream" : type;
}

/* The word at *at in a line, which ends up after it; NULL: none is left. */
static const char *
next_word(const char **at, const char *end, size_t *len)
{
	const char *p = *at;

	while (p < end && (*p == ' ' || *p == '\t' || *p == '\r')) {
		p++;
	}
	const char *start = p;
	while (p < end && *p != ' ' && *p != '\t' && *p != '\r') {
		p++;
	}
	*at = p;
	*len = (size_t)(p - start);
	return *len == 0 || *start == '#' ? NULL : start;
}

/* It goes into a header field: nothing but a type, from whatever file. */
static bool
is_type(const char *text, size_t len)
{
	const char *slash = memchr(text, '/', len);

	for (size_t i = 0; i < len; i++) {
		if (text[i] <= ' ' || text[i] > '~' ||
		    strchr("()<>@,;:\\\"[]?=", text[i]) != NULL) {
			return false;
		}
	}
	return slash != NULL && slash > text && slash + 1 < text + len &&
	       len < MIMETYPE_SIZE;
}

static bool
line_knows(const char *line, const char *end, const char *extension,
    char type[MIMETYPE_SIZE])
{
	size_t type_len, len;
	const char *name = next_word(&line, end, &type_len);

	if (name == NULL || !is_type(name, type_len)) {
		return false;
	}
	for (const char *word; (word = next_word(&line, end, &len)) != NULL;) {
		if (len == strlen(extension) &&
		    strncasecmp(word, extension, len) == 0) {
			memcpy(type, name, type_len);
			type[type_len] = '\0';
			return true;
		}
	}
	return false;
}

bool
mimetype_lookup(const char *text, size_t len, const char *filename,
    char type[MIMETYPE_SIZE])
{
	const char *extension = extension_of(filename);
	const char *end = text + len;

	if (extension == NULL) {
		return false;
	}
	for (const char *line = text, *next; line < end; line = next) {
		const char *lf = memchr(line, '\n', (size_t)(end - line));
		next = lf == NULL ? end : lf + 1;
		if (line_knows(line, lf == NULL ? end : lf, extension, type)) {
			return true;
		}
	}
	return false;
}

/* Asks the file; one that cannot be read knows nothing. */
static bool
file_knows(const char *filename, char type[MIMETYPE_SIZE])
{
	struct stat st;
	int fd = open(MIMETYPE_FILE, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char *text = NULL;
	bool found = false;

	if (fd == -1) {
		return false;
	}
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
	    st.st_size <= FILE_MOST &&
	    (text = malloc((size_t)st.st_size)) != NULL) {
		ssize_t n = file_read_all(fd, text, (size_t)st.st_size);
		found =
		    n > 0 && mimetype_lookup(text, (size_t)n, filename, type);
	}
	free(text);
	close(fd);
	return found;
}

void
mimetype_find(const char *filename, char type[MIMETYPE_SIZE])
{
	if (known(filename) != NULL || extension_of(filename) == NULL ||
	    !file_knows(filename, type)) {
		strlcpy(type, mimetype_builtin(filename), MIMETYPE_SIZE);
	}
}
