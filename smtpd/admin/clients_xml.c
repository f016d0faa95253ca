/* SPDX-License-Identifier: ISC */
/*
 * Files that clients fetch by HTTPS: Thunderbird's configuration file format
 * 1.1, and Outlook's Autodiscover response.  Both are the same for all users.
 */
#include "smtpd/admin/clients_private.h"

#include <stdio.h>

/* One element with text. */
static void
element(const char *indent, const char *name, const char *text)
{
	printf("%s<%s>", indent, name);
	clients_text(text);
	printf("</%s>\n", name);
}

static void
number(const char *indent, const char *name, unsigned value)
{
	printf("%s<%s>%u</%s>\n", indent, name, value, name);
}

/* ---- Thunderbird ---- */

/* What both servers have in common.  The client puts the address in. */
static void
thunderbird_server(const struct clients *c, unsigned port)
{
	static const char indent[] = "      ";

	element(indent, "hostname", c->host);
	number(indent, "port", port);
	element(indent, "socketType", "SSL");
	element(indent, "username", "%EMAILADDRESS%");
	element(indent, "authentication", "password-cleartext");
}

void
clients_thunderbird(const struct clients *c)
{
	printf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	       "<clientConfig version=\"1.1\">\n"
	       "  <emailProvider id=\"");
	clients_text(c->domain);
	printf("\">\n");
	element("    ", "domain", c->domain);
	element("    ", "displayName", c->shown);
	element("    ", "displayShortName", c->shown);
	if (c->imap) {
		printf("    <incomingServer type=\"imap\">\n");
		thunderbird_server(c, CLIENTS_IMAPS);
		printf("    </incomingServer>\n");
	}
	printf("    <incomingServer type=\"pop3\">\n");
	thunderbird_server(c, CLIENTS_POP3S);
	printf("      <pop3>\n"
	       "        <leaveMessagesOnServer>true</leaveMessagesOnServer>\n"
	       "        <downloadOnBiff>true</downloadOnBiff>\n"
	       "        <daysToLeaveMessagesOnServer>30"
	       "</daysToLeaveMessagesOnServer>\n"
	       "        <checkInterval minutes=\"10\"/>\n"
	       "      </pop3>\n"
	       "    </incomingServer>\n"
	       "    <outgoingServer type=\"smtp\">\n");
	thunderbird_server(c, CLIENTS_SUBMISSIONS);
	printf("    </outgoingServer>\n"
	       "  </emailProvider>\n"
	       "</clientConfig>\n");
}

/* ---- Outlook ---- */

/* Without LoginName Outlook takes the address. */
static void
outlook_protocol(const struct clients *c, const char *type, unsigned port)
{
	static const char indent[] = "        ";

	printf("      <Protocol>\n");
	element(indent, "Type", type);
	element(indent, "Server", c->host);
	number(indent, "Port", port);
	element(indent, "DomainRequired", "off");
	element(indent, "SPA", "off");
	element(indent, "SSL", "on");
	element(indent, "AuthRequired", "on");
	if (port == CLIENTS_SUBMISSIONS) {
		element(indent, "UsePOPAuth", "on");
		element(indent, "SMTPLast", "off");
	}
	printf("      </Protocol>\n");
}

void
clients_outlook(const struct clients *c)
{
	printf("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
	       "<Autodiscover xmlns=\"http://schemas.microsoft.com/exchange/"
	       "autodiscover/responseschema/2006\">\n"
	       "  <Response xmlns=\"http://schemas.microsoft.com/exchange/"
	       "autodiscover/outlook/responseschema/2006a\">\n"
	       "    <Account>\n"
	       "      <AccountType>email</AccountType>\n"
	       "      <Action>settings</Action>\n");
	if (c->imap) {
		outlook_protocol(c, "IMAP", CLIENTS_IMAPS);
	}
	outlook_protocol(c, "POP3", CLIENTS_POP3S);
	outlook_protocol(c, "SMTP", CLIENTS_SUBMISSIONS);
	printf("    </Account>\n"
	       "  </Response>\n"
	       "</Autodiscover>\n");
}
