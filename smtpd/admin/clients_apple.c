/* SPDX-License-Identifier: ISC */
/*
 * A configuration profile for iOS, iPadOS and macOS: a property list in XML.
 * It has no password; that is asked for when it is installed.
 */
#include "smtpd/admin/clients_private.h"

#include "common/tls/crypto.h"

#include <stdio.h>
#include <string.h>

enum { UUID = 37 };

/*
 * A UUID that is made of a name (RFC 9562 section 5.8), so that a new profile
 * takes the place of the old one.
 */
static void
make_uuid(const char *name, char out[UUID])
{
	uint8_t d[CRYPTO_SHA256];
	size_t n = 0;

	crypto_sha256(name, strlen(name), d);
	d[6] = (uint8_t)((d[6] & 0x0f) | 0x80); /* version 8 */
	d[8] = (uint8_t)((d[8] & 0x3f) | 0x80);
	for (size_t i = 0; i < 16; i++) {
		bool apart = i == 4 || i == 6 || i == 8 || i == 10;
		n += (size_t)snprintf(out + n, UUID - n, "%s%02X",
		    apart ? "-" : "", (unsigned)d[i]);
	}
}

/* ---- keys and values ---- */

static void
key(const char *indent, const char *name)
{
	printf("%s<key>%s</key>\n", indent, name);
}

static void
text(const char *indent, const char *name, const char *value)
{
	key(indent, name);
	printf("%s<string>", indent);
	clients_text(value);
	printf("</string>\n");
}

static void
integer(const char *indent, const char *name, unsigned value)
{
	key(indent, name);
	printf("%s<integer>%u</integer>\n", indent, value);
}

static void
truth(const char *indent, const char *name)
{
	key(indent, name);
	printf("%s<true/>\n", indent);
}

/* ---- the profile ---- */

/* What every payload has. */
static void
payload(const char *indent, const char *type, const char *identifier,
    const char *shown)
{
	char uuid[UUID];

	make_uuid(identifier, uuid);
	text(indent, "PayloadType", type);
	integer(indent, "PayloadVersion", 1);
	text(indent, "PayloadIdentifier", identifier);
	text(indent, "PayloadUUID", uuid);
	text(indent, "PayloadDisplayName", shown);
}

/* One of the two servers; at these ports UseSSL is TLS from the start. */
static void
server(const struct clients *c, const char *way, unsigned port,
    const char *address)
{
	static const char indent[] = "      ";
	static const struct {
		const char *name;
		enum { AUTH, HOST, PORT, SSL, USER } what;
	} keys[] = { { "Authentication", AUTH }, { "HostName", HOST },
		{ "PortNumber", PORT }, { "UseSSL", SSL },
		{ "Username", USER } };
	char name[64];

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		snprintf(
		    name, sizeof(name), "%sMailServer%s", way, keys[i].name);
		switch (keys[i].what) {
		case AUTH:
			text(indent, name, "EmailAuthPassword");
			break;
		case HOST:
			text(indent, name, c->host);
			break;
		case PORT:
			integer(indent, name, port);
			break;
		case SSL:
			truth(indent, name);
			break;
		case USER:
			text(indent, name, address);
			break;
		}
	}
}

void
clients_apple(const struct clients *c)
{
	static const char indent[] = "      ";
	char address[CLIENTS_USER + DKIM_KEY_NAME + 2];
	char shown[CLIENTS_USER + CONFIG_NAME + 2];
	char identifier[sizeof(address) + 32];

	snprintf(address, sizeof(address), "%s@%s", c->user, c->domain);
	snprintf(shown, sizeof(shown), "%s@%s", c->user, c->shown);
	printf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	       "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" "
	       "\"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n"
	       "<plist version=\"1.0\">\n"
	       "<dict>\n");
	snprintf(identifier, sizeof(identifier), "restante.%s", address);
	payload("  ", "Configuration", identifier, shown);
	key("  ", "PayloadContent");
	printf("  <array>\n    <dict>\n");
	snprintf(identifier, sizeof(identifier), "restante.%s.mail", address);
	payload(indent, "com.apple.mail.managed", identifier, shown);
	text(indent, "EmailAccountDescription", shown);
	text(indent, "EmailAccountType",
	    c->imap ? "EmailTypeIMAP" : "EmailTypePOP");
	text(indent, "EmailAddress", address);
	server(c, "Incoming", c->imap ? CLIENTS_IMAPS : CLIENTS_POP3S, address);
	server(c, "Outgoing", CLIENTS_SUBMISSIONS, address);
	truth(indent, "OutgoingPasswordSameAsIncomingPassword");
	printf("    </dict>\n  </array>\n</dict>\n</plist>\n");
}
