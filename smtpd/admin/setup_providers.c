/* SPDX-License-Identifier: ISC */
/* Providers whose addresses are known by their domain.  Pure. */
#include "smtpd/admin/setup_private.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* How programs log in: by what, and where people get that. */
#define CODE "authorization code (\xe6\x8e\x88\xe6\x9d\x83\xe7\xa0\x81)"
#define APP "app password"
#define AT_QQ                                                                  \
	CODE, "mail.qq.com, \xe8\xae\xbe\xe7\xbd\xae > "                       \
	      "\xe8\xb4\xa6\xe5\x8f\xb7 > POP3/SMTP"
#define AT_NETEASE                                                             \
	CODE, "the web page of the mailbox, \xe8\xae\xbe\xe7\xbd\xae > "       \
	      "POP3/SMTP/IMAP"
#define AT_SINA CODE, "mail.sina.com.cn, POP/SMTP in its settings"
#define AT_GOOGLE APP, "myaccount.google.com/apppasswords"
#define AT_APPLE APP, "account.apple.com, Sign-In and Security"
#define AT_YAHOO APP, "login.yahoo.com/account/security"
#define AT_FASTMAIL APP, "app.fastmail.com, Privacy & Security"
#define AT_GMX "password", "its settings, where POP3 and SMTP are allowed"
#define BY_TOKEN NULL, NULL

static const struct setup_provider providers[] = {
	{ "qq.com", "smtps", "smtp.qq.com", AT_QQ },
	{ "vip.qq.com", "smtps", "smtp.qq.com", AT_QQ },
	{ "foxmail.com", "smtps", "smtp.qq.com", AT_QQ },
	{ "163.com", "smtps", "smtp.163.com", AT_NETEASE },
	{ "126.com", "smtps", "smtp.126.com", AT_NETEASE },
	{ "yeah.net", "smtps", "smtp.yeah.net", AT_NETEASE },
	{ "vip.163.com", "smtps", "smtp.vip.163.com", AT_NETEASE },
	{ "vip.126.com", "smtps", "smtp.vip.126.com", AT_NETEASE },
	{ "sina.com", "smtps", "smtp.sina.com", AT_SINA },
	{ "sina.cn", "smtps", "smtp.sina.cn", AT_SINA },
	{ "gmail.com", "smtps", "smtp.gmail.com", AT_GOOGLE },
	{ "googlemail.com", "smtps", "smtp.gmail.com", AT_GOOGLE },
	{ "icloud.com", "smtp", "smtp.mail.me.com:587", AT_APPLE },
	{ "me.com", "smtp", "smtp.mail.me.com:587", AT_APPLE },
	{ "mac.com", "smtp", "smtp.mail.me.com:587", AT_APPLE },
	{ "yahoo.com", "smtps", "smtp.mail.yahoo.com", AT_YAHOO },
	{ "fastmail.com", "smtps", "smtp.fastmail.com", AT_FASTMAIL },
	{ "gmx.net", "smtps", "mail.gmx.net", AT_GMX },
	{ "gmx.de", "smtps", "mail.gmx.net", AT_GMX },
	{ "gmx.com", "smtps", "mail.gmx.com", AT_GMX },
	{ "outlook.com", "smtp", "smtp-mail.outlook.com:587", BY_TOKEN },
	{ "hotmail.com", "smtp", "smtp-mail.outlook.com:587", BY_TOKEN },
	{ "live.com", "smtp", "smtp-mail.outlook.com:587", BY_TOKEN },
	{ "msn.com", "smtp", "smtp-mail.outlook.com:587", BY_TOKEN },
};

/*
 * Hosts that take mail from the account's address alone, in the envelope and in
 * From, or that put it there themselves: reports have to come from it, too.
 */
static const char *const own_address[] = {
	"mail.gmx.com",
	"mail.gmx.net",
	"smtp-mail.outlook.com",
	"smtp.126.com",
	"smtp.163.com",
	"smtp.gmail.com",
	"smtp.office365.com",
	"smtp.qiye.aliyun.com",
	"smtp.qq.com",
	"smtp.sina.cn",
	"smtp.sina.com",
	"smtp.vip.126.com",
	"smtp.vip.163.com",
	"smtp.yeah.net",
};

bool
setup_provider_own(const char *host)
{
	size_t n = strcspn(host, ":");

	for (size_t i = 0; i < sizeof(own_address) / sizeof(own_address[0]);
	     i++) {
		if (strlen(own_address[i]) == n &&
		    strncasecmp(own_address[i], host, n) == 0) {
			return true;
		}
	}
	return false;
}

const struct setup_provider *
setup_provider(const char *domain)
{
	for (size_t i = 0; i < sizeof(providers) / sizeof(providers[0]); i++) {
		if (strcasecmp(providers[i].domain, domain) == 0) {
			return &providers[i];
		}
	}
	return NULL;
}

void
setup_provider_url(const struct setup_provider *p,
    const struct setup_answers *a, char url[CONFIG_VALUE])
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789._-";
	char user[3 * SETUP_LOCAL + 1];
	size_t n = 0;

	for (const char *c = a->user; *c != '\0' && n + 4 < sizeof(user); c++) {
		bool as_is = strchr(plain, *c) != NULL;
		n += (size_t)snprintf(user + n, sizeof(user) - n,
		    as_is ? "%c" : "%%%02X", (unsigned char)*c);
	}
	user[n] = '\0';
	snprintf(url, CONFIG_VALUE, "%s://%s%%40%s@%s", p->scheme, user,
	    a->domain, p->host);
}
