/* SPDX-License-Identifier: ISC */
/*
 * Parameters of MAIL and RCPT: a size that wraps around, or that takes a sign,
 * gets a message past the limit that it was announced for.
 */
#include "smtpd/params.h"

#include "tests/tap.h"

#include <stddef.h>

static const struct {
	const char *text;
	enum params result;
	uint64_t size;
	bool eight_bit;
} mail[] = {
	{ "", PARAMS_OK, 0, false },
	{ " ", PARAMS_OK, 0, false },
	{ " \t ", PARAMS_OK, 0, false },
	{ " SIZE=0", PARAMS_OK, 0, false },
	{ " SIZE=1000", PARAMS_OK, 1000, false },
	{ "SIZE=1000", PARAMS_OK, 1000, false },
	{ " size=1000", PARAMS_OK, 1000, false },
	{ " SiZe=1000 ", PARAMS_OK, 1000, false },
	{ "\tSIZE=1000\t", PARAMS_OK, 1000, false },
	{ " SIZE=000000000000000001", PARAMS_OK, 1, false },
	{ " SIZE=4294967295", PARAMS_OK, 4294967295u, false },
	{ " SIZE=4294967296", PARAMS_OK, 4294967296u, false },
	{ " SIZE=4294967297", PARAMS_OK, 4294967297u, false },
	{ " SIZE=9223372036854775808", PARAMS_OK, 9223372036854775808u, false },
	{ " SIZE=18446744073709551614", PARAMS_OK, UINT64_MAX - 1, false },
	{ " SIZE=18446744073709551615", PARAMS_OK, UINT64_MAX, false },
	{ " SIZE=18446744073709551616", PARAMS_OK, UINT64_MAX, false },
	{ " SIZE=18446744073709551617", PARAMS_OK, UINT64_MAX, false },
	{ " SIZE=18446744073709551626", PARAMS_OK, UINT64_MAX, false },
	{ " SIZE=36893488147419103232", PARAMS_OK, UINT64_MAX, false },
	{ " SIZE=99999999999999999999", PARAMS_OK, UINT64_MAX, false },
	{ " SIZE=100000000000000000000", PARAMS_SYNTAX, 0, false },
	{ " SIZE=000000000000000000001", PARAMS_SYNTAX, 0, false },
	{ " SIZE", PARAMS_SYNTAX, 0, false },
	{ " SIZE=", PARAMS_SYNTAX, 0, false },
	{ " SIZE= 5", PARAMS_SYNTAX, 0, false },
	{ " SIZE =5", PARAMS_SYNTAX, 0, false },
	{ " SIZE=+5", PARAMS_SYNTAX, 0, false },
	{ " SIZE=-5", PARAMS_SYNTAX, 0, false },
	{ " SIZE=-1", PARAMS_SYNTAX, 0, false },
	{ " SIZE=5k", PARAMS_SYNTAX, 0, false },
	{ " SIZE=0x10", PARAMS_SYNTAX, 0, false },
	{ " SIZE=5.0", PARAMS_SYNTAX, 0, false },
	{ " SIZE=1,000", PARAMS_SYNTAX, 0, false },
	{ " SIZE==5", PARAMS_SYNTAX, 0, false },
	{ " SIZE=5=", PARAMS_SYNTAX, 0, false },
	{ " SIZE=5\xc2\xa0", PARAMS_SYNTAX, 0, false },
	{ " SIZE=\v5", PARAMS_SYNTAX, 0, false },
	{ " BODY=7BIT", PARAMS_OK, 0, false },
	{ " BODY=8BITMIME", PARAMS_OK, 0, true },
	{ " body=8bitmime", PARAMS_OK, 0, true },
	{ " BODY=8BITMIME SIZE=7", PARAMS_OK, 7, true },
	{ " SIZE=7 BODY=8BITMIME", PARAMS_OK, 7, true },
	{ " SIZE=7\tBODY=7bit", PARAMS_OK, 7, false },
	{ " BODY", PARAMS_SYNTAX, 0, false },
	{ " BODY=", PARAMS_SYNTAX, 0, false },
	{ " BODY=8BIT", PARAMS_SYNTAX, 0, false },
	{ " BODY=8BITMIMEX", PARAMS_SYNTAX, 0, false },
	{ " BODY=BINARYMIME", PARAMS_SYNTAX, 0, false },
	{ " BODY=7", PARAMS_SYNTAX, 0, false },
	{ " AUTH=<>", PARAMS_OK, 0, false },
	{ " AUTH=alice@example.org", PARAMS_OK, 0, false },
	{ " auth=e+3Dmc2@example.com", PARAMS_OK, 0, false },
	{ " AUTH=<> SIZE=5 BODY=8BITMIME", PARAMS_OK, 5, true },
	{ " AUTH=a=b", PARAMS_OK, 0, false },
	{ " AUTH", PARAMS_SYNTAX, 0, false },
	{ " AUTH=", PARAMS_SYNTAX, 0, false },
	{ " FOO", PARAMS_UNKNOWN, 0, false },
	{ " FOO=BAR", PARAMS_UNKNOWN, 0, false },
	{ " SIZES=5", PARAMS_UNKNOWN, 0, false },
	{ " SIZ=5", PARAMS_UNKNOWN, 0, false },
	{ " =5", PARAMS_UNKNOWN, 0, false },
	{ " =", PARAMS_UNKNOWN, 0, false },
	{ " SMTPUTF8", PARAMS_UNKNOWN, 0, false },
	{ " RET=HDRS", PARAMS_UNKNOWN, 0, false },
	{ " ENVID=x", PARAMS_UNKNOWN, 0, false },
	{ " SIZE=5 FOO", PARAMS_UNKNOWN, 0, false },
	{ " SIZE:5", PARAMS_UNKNOWN, 0, false },
	{ " SIZE\x01=5", PARAMS_UNKNOWN, 0, false },
};

static const struct {
	const char *text;
	enum params result;
} rcpt[] = {
	{ "", PARAMS_OK },
	{ "  \t", PARAMS_OK },
	{ " NOTIFY=NEVER", PARAMS_UNKNOWN },
	{ " ORCPT=rfc822;a@b", PARAMS_UNKNOWN },
	{ " SIZE=5", PARAMS_UNKNOWN },
	{ " x", PARAMS_UNKNOWN },
};

int
main(void)
{
	struct mail_params p;

	for (size_t i = 0; i < sizeof(mail) / sizeof(mail[0]); i++) {
		enum params result = params_mail(mail[i].text, &p);
		ok(result == mail[i].result &&
			(result != PARAMS_OK ||
			    (p.size == mail[i].size &&
				p.eight_bit == mail[i].eight_bit)),
		    "MAIL: \"%s\"", mail[i].text);
	}
	for (size_t i = 0; i < sizeof(rcpt) / sizeof(rcpt[0]); i++) {
		ok(params_rcpt(rcpt[i].text) == rcpt[i].result, "RCPT: \"%s\"",
		    rcpt[i].text);
	}
	return tap_done();
}
