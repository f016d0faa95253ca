/* SPDX-License-Identifier: ISC */
/* What --help prints: the usage, and each option with what it does. */
#include "common/config/option.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { WIDTH = 79, MARGIN = 2, COLUMN = 26 };

/* Prints words from a column on, and breaks lines at blanks. */
static void
print_wrapped(const char *text, int column, int at)
{
	while (*text != '\0') {
		int n = (int)strcspn(text, " ");
		if (at > column && at + 1 + n > WIDTH) {
			printf("\n%*s", column, "");
			at = column;
		} else if (at > column) {
			putchar(' ');
			at++;
		}
		printf("%.*s", n, text);
		at += n;
		text += n;
		text += strspn(text, " ");
	}
	putchar('\n');
}

/* "-j, --json", "--passwd NAME", "-q[TIME]" */
static int
print_spelling(const struct option_row *row)
{
	const char *argument = row->argument != NULL ? row->argument : "";
	const char *apart =
	    row->argument != NULL && argument[0] != '[' ? " " : "";
	int n = printf("%*s", MARGIN, "");

	if (row->letter != 0) {
		n += printf("-%c", row->letter);
		n += printf(
		    "%.1s%s", &row->second, row->name != NULL ? ", " : "");
	}
	if (row->name != NULL) {
		n += printf("--%s", row->name);
	}
	n += printf("%s%s", apart, argument);
	if (row->operands != NULL) {
		n += printf(" %s", row->operands);
	}
	return n;
}

bool
option_list_header(const char *line)
{
	if (isatty(STDOUT_FILENO) != 1) {
		return false;
	}
	return puts(line) >= 0 && fflush(stdout) == 0;
}

void
option_help(const struct option_table *t)
{
	fputs(t->usage, stdout);
	for (size_t i = 0; i < t->count; i++) {
		const struct option_row *row = &t->rows[i];
		if (row->help == NULL) {
			continue;
		}
		if (row->letter == 0 && row->name == NULL) {
			putchar('\n');
			print_wrapped(row->help, 0, 0);
			continue;
		}
		int n = print_spelling(row);
		if (n + 2 > COLUMN) {
			printf("\n%*s", COLUMN, "");
		} else {
			printf("%*s", COLUMN - n, "");
		}
		print_wrapped(row->help, COLUMN, COLUMN);
	}
}
