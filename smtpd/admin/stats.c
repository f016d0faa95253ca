/* SPDX-License-Identifier: ISC */
/* smtpd --stats. */
#include "common/log/log.h"
#include "smtpd/admin/admin.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

int
admin_stats(const struct config *config, enum stats_form form)
{
	if (stats_report(config, stdout, form) == -1) {
		if (errno == EACCES) {
			log_error("only root may read the counts; type: sudo "
				  "smtpd --stats");
			return EX_NOPERM;
		}
		log_error("cannot read %s/stats: %s", config->state,
		    errno == EINVAL ? "it is damaged; smtpd and pop3d replace "
				      "it when they start"
				    : strerror(errno));
		return EX_TEMPFAIL;
	}
	if (fflush(stdout) == EOF || ferror(stdout)) {
		log_error("cannot write: %s", strerror(errno));
		return EX_IOERR;
	}
	return EX_OK;
}
