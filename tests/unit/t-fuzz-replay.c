/* SPDX-License-Identifier: ISC */
/*
 * Replays what lies in tests/fuzz/corpus through the fuzz targets: inputs of
 * many forms, and each that once broke something.
 */
#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

#include <errno.h>
#include <sys/wait.h>

static const char *const targets[] = { "address", "aliases", "arc", "base64",
	"binary", "canon", "chunk", "config", "convert", "dkim", "dmarc", "dns",
	"dotstuff", "header", "hop", "http", "inflate", "json", "log", "mail",
	"mailboxes", "mbox", "multipart", "note", "param", "params", "proxy",
	"qp", "reply", "report", "resolver", "results", "sasl", "session",
	"spf", "srs", "sts", "surrogate", "tags", "tlsa", "users", "word",
	"xml", "zone" };

/* Runs the program, with its standard output as our standard error. */
static int
run(const char *program, const char *corpus)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execl(program, program, corpus, (char *)NULL);
		perror(program);
		_exit(127);
	}
	scratch_need(waitpid(pid, &status, 0) == pid, "waitpid");
	return status;
}

/* A tree as tests/run names it, or where it lies beside this program. */
static void
tree(char path[PATH_MAX], const char *variable, const char *self)
{
	const char *value = getenv(variable);
	const char *slash = strrchr(self, '/');

	if (value != NULL && *value != '\0') {
		snprintf(path, PATH_MAX, "%s", value);
	} else {
		snprintf(path, PATH_MAX, "%.*s/..",
		    slash == NULL ? 1 : (int)(slash - self),
		    slash == NULL ? "." : self);
	}
}

int
main(int argc, char **argv)
{
	char build[PATH_MAX], source[PATH_MAX];
	char program[PATH_MAX + 64], corpus[PATH_MAX + 64];

	(void)argc;
	tree(build, "RESTANTE_BUILD", argv[0]);
	tree(source, "RESTANTE_SRC", argv[0]);
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		snprintf(program, sizeof(program), "%s/tests/fuzz/fuzz-%s",
		    build, targets[i]);
		snprintf(corpus, sizeof(corpus), "%s/tests/fuzz/corpus/%s",
		    source, targets[i]);
		int status = run(program, corpus);
		if (!ok(status == 0, "corpus of %s", targets[i])) {
			note("%s %s: status %#x", program, corpus,
			    (unsigned)status);
		}
	}
	return tap_done();
}
