/* SPDX-License-Identifier: ISC */
/* Programs that --setup runs: useradd, systemctl, sendmail. */
#include "common/io/file.h"
#include "common/log/log.h"
#include "common/process/process.h"
#include "smtpd/admin/setup_private.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORDS = 4 };

/* In the child: never returns. */
static void
become(char *const words[], int input, bool quiet)
{
	int nothing = quiet ? open("/dev/null", O_WRONLY | O_CLOEXEC) : -1;

	if (dup2(input, STDIN_FILENO) != -1 &&
	    (!quiet || dup2(nothing, STDOUT_FILENO) != -1)) {
		process_plain_signals();
		execvp(words[0], words);
	}
	log_error("cannot run %s: %s", words[0], strerror(errno));
	_exit(127);
}

static int
run(char *const words[], const char *input, bool quiet)
{
	int ends[2], status;

	if (pipe2(ends, O_CLOEXEC) == -1) {
		log_error("cannot run %s: %s", words[0], strerror(errno));
		return -1;
	}
	signal(SIGPIPE, SIG_IGN);
	pid_t pid = fork();
	if (pid == 0) {
		become(words, ends[0], quiet);
	}
	close(ends[0]);
	/* A program that does not read its input fails, and says so. */
	if (pid != -1 && input != NULL) {
		(void)!file_append(ends[1], input, strlen(input));
	}
	close(ends[1]);
	if (pid == -1) {
		log_error("cannot run %s: %s", words[0], strerror(errno));
		return -1;
	}
	while (waitpid(pid, &status, 0) == -1) {
		if (errno != EINTR) {
			return -1;
		}
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int
setup_run(char *const words[], const char *input)
{
	return run(words, input, false);
}

int
setup_run_self(const struct setup_place *place, const char *const words[],
    const char *input, bool quiet)
{
	char self[] = "/proc/self/exe", c[] = "-c", conf[SETUP_PATH];
	char copies[WORDS][SETUP_PATH], *all[WORDS + 4] = { self, c, conf };
	size_t n = place->system ? 1 : 3;

	strlcpy(conf, place->conf, sizeof(conf));
	for (size_t i = 0; i < WORDS && words[i] != NULL; i++) {
		strlcpy(copies[i], words[i], sizeof(copies[i]));
		all[n++] = copies[i];
	}
	all[n] = NULL;
	return run(all, input, quiet);
}
