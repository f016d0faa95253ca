/* SPDX-License-Identifier: ISC */
/* sendmail -bv: what -bt tells at length, in a line for each address. */
#include "smtpd/admin/verify.h"

#include "common/log/log.h"
#include "smtpd/admin/explain.h"

#include <fcntl.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

static const char *
verdict(int status)
{
	switch (status) {
	case EX_OK:
		return "deliverable";
	case EX_NOUSER:
		return "no such user here";
	case EX_NOHOST:
		return "the domain takes no mail";
	case EX_TEMPFAIL:
		return "not known now: mail would wait";
	case EX_CONFIG:
		return "mail would wait until the configuration is mended";
	default:
		return "not an address";
	}
}

/* Explains one address to nobody. */
static int
judge(const struct config *config, const char *sender, char *address)
{
	char *one[] = { address, NULL };
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

	if (null == -1 || out == -1 || fflush(stdout) == EOF ||
	    dup2(null, STDOUT_FILENO) == -1) {
		log_error("cannot set the explanation aside: see -bt");
		return EX_OSERR;
	}
	int status = route_explain(config, sender, one);
	(void)fflush(stdout);
	if (dup2(out, STDOUT_FILENO) == -1) {
		status = EX_OSERR;
	}
	close(out);
	close(null);
	return status;
}

int
verify(const struct config *config, const char *sender, char **addresses)
{
	int result = EX_OK;

	if (*addresses == NULL) {
		log_error("an address is missing behind -bv");
		return EX_USAGE;
	}
	for (; *addresses != NULL; addresses++) {
		int status = judge(config, sender, *addresses);
		printf("%s: %s\n", *addresses, verdict(status));
		result = result == EX_OK ? status : result;
	}
	return result;
}
