/* SPDX-License-Identifier: ISC */
/* --clients: the page for people, and what the files are served by. */
#include "smtpd/admin/clients.h"

#include "common/log/log.h"
#include "common/text/utf8.h"
#include "smtpd/admin/clients_private.h"
#include "smtpd/admin/zone.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

/* ---- for people ---- */

static void
print_page(const struct clients *c)
{
	bool mapped = strcasecmp(c->shown, c->domain) != 0;

	printf("Settings of mail clients for %s%s%s%s\n\n"
	       "address         NAME@%s\n"
	       "user name       the whole address, for each server\n"
	       "password        the one of smtpd --passwd; clients call that a "
	       "normal password\n"
	       "incoming mail   ",
	    c->shown, mapped ? " (" : "", mapped ? c->domain : "",
	    mapped ? ")" : "", c->domain);
	if (c->imap) {
		printf("IMAP, server %s, port %d, SSL/TLS; or\n%16s", c->host,
		    CLIENTS_IMAPS, "");
	}
	printf("POP3, server %s, port %d, SSL/TLS\n"
	       "outgoing mail   SMTP, server %s, port %d, SSL/TLS, with login\n"
	       "\n",
	    c->host, CLIENTS_POP3S, c->host, CLIENTS_SUBMISSIONS);
	printf("Files that spare people the typing; they need a web server "
	       "with HTTPS:\n"
	       "  smtpd --clients %s --thunderbird   also Evolution, KMail, "
	       "FairEmail\n"
	       "  smtpd --clients %s --outlook       Outlook for Windows\n"
	       "  smtpd --clients %s --nginx         where nginx has to have "
	       "them\n"
	       "  smtpd --clients %s --srv           DNS records, for Claws "
	       "Mail and others\n"
	       "For an iPhone, an iPad or a Mac, to be sent to its owner:\n"
	       "  smtpd --clients %s --apple NAME >NAME.mobileconfig\n\n",
	    c->domain, c->domain, c->domain, c->domain, c->domain);
	if (!c->imap) {
		printf("Thunderbird for Android and K-9 Mail set up IMAP alone "
		       "by themselves: choose\nPOP3 there, and type the "
		       "settings.\n");
	}
	printf("Clients refuse a certificate that signs itself, or that is not "
	       "for\n%s; smtpd --check says which there is.\n",
	    c->host);
}

/* ---- for a web server ---- */

/* A place that answers with one file. */
static void
print_location(
    const char *match, const char *file, const char *type, const char *more)
{
	printf("    location %s {\n"
	       "        types { }\n"
	       "        default_type %s;\n"
	       "%s"
	       "        try_files %s =404;\n"
	       "    }\n",
	    match, type, more, file);
}

static void
print_nginx(const struct clients *c)
{
	static const char folder[] = "/var/www/mail-clients";

	printf("# nginx, for mail clients of %s: a file in "
	       "/etc/nginx/conf.d.\n"
	       "# Its names need A and AAAA records, or a CNAME, and a "
	       "certificate:\n"
	       "#   certbot certonly -d autoconfig.%s -d autodiscover.%s\n"
	       "# The files:\n"
	       "#   mkdir -p %s/%s\n"
	       "#   cd %s/%s\n"
	       "#   smtpd --clients %s --thunderbird >config-v1.1.xml\n"
	       "#   smtpd --clients %s --outlook >autodiscover.xml\n"
	       "# and for each iPhone: smtpd --clients %s --apple NAME "
	       ">NAME.mobileconfig\n",
	    c->domain, c->domain, c->domain, folder, c->domain, folder,
	    c->domain, c->domain, c->domain, c->domain);
	printf("server {\n"
	       "    listen 443 ssl;\n"
	       "    listen [::]:443 ssl;\n"
	       "    server_name autoconfig.%s autodiscover.%s;\n"
	       "    ssl_certificate "
	       "/etc/letsencrypt/live/autoconfig.%s/fullchain.pem;\n"
	       "    ssl_certificate_key "
	       "/etc/letsencrypt/live/autoconfig.%s/privkey.pem;\n"
	       "    root %s/%s;\n",
	    c->domain, c->domain, c->domain, c->domain, folder, c->domain);
	print_location(
	    "= /mail/config-v1.1.xml", "/config-v1.1.xml", "text/xml", "");
	print_location("= /.well-known/autoconfig/mail/config-v1.1.xml",
	    "/config-v1.1.xml", "text/xml", "");
	/* Outlook asks by POST, which nginx refuses for a file: it is sent on
	   to the other place, by GET. */
	print_location("= /autodiscover.xml", "$uri", "text/xml", "");
	print_location("~* ^/autodiscover/autodiscover\\.xml$",
	    "/autodiscover.xml", "text/xml",
	    "        error_page 405 =200 /autodiscover.xml;\n");
	print_location("~ ^/[^/]+\\.mobileconfig$", "$uri",
	    "application/x-apple-aspen-config", "");
	printf("}\n");
}

/* ---- all of it ---- */

/* A local part, or an address of the domain. */
static bool
take_user(struct clients *c, const char *user)
{
	char domain[DKIM_KEY_NAME];
	const char *at = strrchr(user, '@');
	size_t len = at == NULL ? strlen(user) : (size_t)(at - user), used;

	if (len == 0 || len > CLIENTS_USER ||
	    (at != NULL && (!dkim_domain(at + 1, domain) ||
			       strcmp(domain, c->domain) != 0))) {
		return false;
	}
	for (size_t i = 0; i < len; i += used) {
		int32_t character = utf8_next(user + i, len - i, &used);
		if (character <= ' ' || !utf8_is_text(character) ||
		    (character & 0xfffe) == 0xfffe) {
			return false; /* or what XML has no place for */
		}
	}
	snprintf(c->user, sizeof(c->user), "%.*s", (int)len, user);
	return true;
}

static int
begin(struct clients *c, const struct config *config, const char *domain,
    const char *user)
{
	const char *at = user == NULL ? NULL : strrchr(user, '@');

	memset(c, 0, sizeof(*c));
	if (domain == NULL && at != NULL) {
		domain = at + 1;
	} else if (domain == NULL) {
		domain = config->ndomains > 0 ? config->domains[0]
		                              : config->hostname;
	}
	if (!dkim_domain(domain, c->domain)) {
		log_error("not a domain: %s", domain);
		return EX_USAGE;
	}
	strlcpy(c->shown, domain, sizeof(c->shown));
	c->imap = config->clients_imap;
	if (!dkim_domain(config->hostname, c->host)) {
		log_error("clients cannot find the host name %s: set the key "
			  "hostname to a full name",
		    config->hostname);
		return EX_CONFIG;
	}
	if (user != NULL && !take_user(c, user)) {
		log_error("\"%s\" is no name of a user of %s", user, c->domain);
		return EX_USAGE;
	}
	return EX_OK;
}

int
admin_clients(const struct config *config, const char *domain,
    enum clients_form form, const char *user)
{
	struct clients c;
	int status = begin(&c, config, domain, user);

	if (status != EX_OK) {
		return status;
	}
	switch (form) {
	case CLIENTS_PAGE:
		print_page(&c);
		break;
	case CLIENTS_THUNDERBIRD:
		clients_thunderbird(&c);
		break;
	case CLIENTS_APPLE:
		clients_apple(&c);
		break;
	case CLIENTS_OUTLOOK:
		clients_outlook(&c);
		break;
	case CLIENTS_SRV:
		status = admin_dns_services(config, c.domain);
		break;
	case CLIENTS_NGINX:
		print_nginx(&c);
		break;
	}
	if (fflush(stdout) == EOF || ferror(stdout)) {
		log_error("cannot print: %s", strerror(errno));
		return EX_IOERR;
	}
	return status;
}
