/* SPDX-License-Identifier: ISC */
/* Programs that --setup runs: useradd, systemctl, sendmail. */
#include "common/io/file.h"
#include "common/log/log.h"
#include "smtpd/admin/setup_private.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the child: never returns. */
static void
become(char *const words[], int input)
{
	if (dup2(input, STDIN_FILENO) != -1) {
		signal(SIGPIPE, SIG_DFL);
		execvp(words[0], words);
	}
	log_error("cannot run %s: %s", words[0], strerror(errno));
	_exit(127);
}

int
setup_run(char *const words[], const char *input)
{
	int ends[2], status;

	if (pipe2(ends, O_CLOEXEC) == -1) {
		log_error("cannot run %s: %s", words[0], strerror(errno));
		return -1;
	}
	signal(SIGPIPE, SIG_IGN);
	pid_t pid = fork();
	if (pid == 0) {
		become(words, ends[0]);
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
