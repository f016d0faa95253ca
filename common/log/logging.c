/* SPDX-License-Identifier: ISC */
/* Opens the log where the configuration wants it. */
#include "common/log/logging.h"

#include "common/log/log.h"

#include <string.h>

bool
logging_start(const struct config *c, const char *program, bool foreground)
{
	bool to_stderr =
	    c->log == LOG_STDERR || (c->log == LOG_DEFAULT && foreground);

	/* What reads the lines of POP3 servers knows "pop3d" alone. */
	log_system(strcmp(program, "pop3d") == 0 ? NULL : c->log_name);
	log_as_json(c->log_json);
	log_open(program, to_stderr ? LOG_TO_STDERR : LOG_TO_SYSLOG);
	return to_stderr;
}
