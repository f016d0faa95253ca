/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_LOG_LOGGING_H
#define RESTANTE_COMMON_LOG_LOGGING_H

#include "common/config/config.h"

#include <stdbool.h>

/* The log as the configuration has it: "log" and "log-name". */

/*
 * Opens it for a program; foreground: its stderr is somebody's who looks, and
 * so where it goes unless the configuration says otherwise.  Whether it goes
 * there.  The configuration must outlive the process.
 */
bool logging_start(const struct config *, const char *program, bool foreground);

#endif
