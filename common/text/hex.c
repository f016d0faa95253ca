/* SPDX-License-Identifier: ISC */
/* Hexadecimal digits, whatever the locale. */
#include "common/text/hex.h"

int
hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	                              : -1;
}
