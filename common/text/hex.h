/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_TEXT_HEX_H
#define RESTANTE_COMMON_TEXT_HEX_H

/* What a hexadecimal digit stands for, in either case; -1: it is none. */
int hex_digit(char c);

#endif
