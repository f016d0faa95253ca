/* SPDX-License-Identifier: ISC */
/*
 * Asks PAM.  Runs as root, if the server was started so: many modules need it.
 * They are other people's code, may wait for servers far away and may crash: so
 * they run in a process of their own, which has a deadline.
 */
#include "common/login/pam.h"

#include "common/log/log.h"
#include "common/process/process.h"

#include <security/pam_appl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT = 15 * 1000 }; /* ms; the client waits */

bool
pam_available(void)
{
	return true;
}

/* Answers what modules ask: the name, or the password. */
static int
converse(int n, const struct pam_message **messages,
    struct pam_response **responses, void *data)
{
	const struct pam_login *l = data;
	struct pam_response *r;

	if (n <= 0 || n > PAM_MAX_NUM_MSG ||
	    (r = calloc((size_t)n, sizeof(*r))) == NULL) {
		return PAM_CONV_ERR;
	}
	for (int i = 0; i < n; i++) {
		int style = messages[i]->msg_style;
		const char *text = style == PAM_PROMPT_ECHO_OFF  ? l->password
		                   : style == PAM_PROMPT_ECHO_ON ? l->user
		                                                 : NULL;
		if (text != NULL && (r[i].resp = strdup(text)) == NULL) {
			free(r);
			return PAM_CONV_ERR;
		}
	}
	*responses = r; /* the modules free that */
	return PAM_SUCCESS;
}

/* Refusals take a second anyway, and not here. */
static void
no_delay(int status, unsigned delay, void *data)
{
	(void)status;
	(void)delay;
	(void)data;
}

/* True if the modules have not changed the user. */
static bool
is_same(pam_handle_t *h, const char *user)
{
	const void *name = NULL;

	return pam_get_item(h, PAM_USER, &name) == PAM_SUCCESS &&
	       name != NULL && strcmp(name, user) == 0;
}

/* Tells failures of the user from failures of ours. */
static enum status
judge(pam_handle_t *h, const struct pam_login *l, int rc)
{
	switch (rc) {
	case PAM_SUCCESS:
		return is_same(h, l->user) ? STATUS_OK : STATUS_NO;
	case PAM_AUTH_ERR:
	case PAM_USER_UNKNOWN:
	case PAM_MAXTRIES:
	case PAM_PERM_DENIED:
	case PAM_ACCT_EXPIRED:
	case PAM_NEW_AUTHTOK_REQD:
	case PAM_CRED_EXPIRED:
	case PAM_AUTHTOK_EXPIRED:
		return STATUS_NO;
	default:
		log_error(
		    "PAM cannot check %s: %s", l->user, pam_strerror(h, rc));
		return STATUS_TEMPORARY;
	}
}

static int
ask(void *context)
{
	const struct pam_login *l = context;
	struct pam_conv conversation = { .conv = converse,
		.appdata_ptr = (void *)(uintptr_t)l };
	/* An item is a pointer to data; this is how PAM passes a function. */
	union {
		void (*function)(int, unsigned, void *);
		const void *item;
	} delay = { .function = no_delay };
	pam_handle_t *h = NULL;

	if (pam_start(PAM_SERVICE_NAME, l->user, &conversation, &h) !=
	    PAM_SUCCESS) {
		log_error("PAM does not start: see /etc/pam.d/restante");
		return STATUS_TEMPORARY;
	}
	int rc = pam_set_item(h, PAM_RHOST, l->address);
	if (rc == PAM_SUCCESS) {
		rc = pam_set_item(h, PAM_TTY, l->program);
	}
	if (rc == PAM_SUCCESS) {
		rc = pam_set_item(h, PAM_FAIL_DELAY, delay.item);
	}
	if (rc == PAM_SUCCESS) {
		rc =
		    pam_authenticate(h, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
	}
	if (rc == PAM_SUCCESS) {
		rc = pam_acct_mgmt(h, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
	}
	enum status result = judge(h, l, rc);
	pam_end(h, rc);
	return (int)result;
}

enum status
pam_check(const struct pam_login *l)
{
	int status = 0;
	switch (process_run(ask, (void *)(uintptr_t)l, LIMIT, &status)) {
	case PROCESS_EXITED:
		return status == STATUS_OK || status == STATUS_NO
		           ? (enum status)status
		           : STATUS_TEMPORARY;
	case PROCESS_LATE:
		log_error("PAM has not answered within %d seconds for %s",
		    LIMIT / 1000, l->user);
		break;
	case PROCESS_SIGNALED:
		log_error("PAM ended by signal %d for %s", status, l->user);
		break;
	case PROCESS_FAILED:
		log_error("cannot start a process for PAM");
		break;
	}
	return STATUS_TEMPORARY;
}
