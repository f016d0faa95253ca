/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_CONFIG_CONFIG_H
#define RESTANTE_COMMON_CONFIG_CONFIG_H

#include "common/config/limits.h"
#include "common/dns/blocklist.h"
#include "common/text/network.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The configuration: "key value" lines.  restante.conf(5) is its contract. */

enum {
	CONFIG_LIST = 32,
	CONFIG_ERROR = 512,
	CONFIG_NAME = 256,
	CONFIG_VALUE = 1024,
};

enum plaintext_login {
	PLAINTEXT_NEVER,
	PLAINTEXT_LOOPBACK,
	PLAINTEXT_ALWAYS,
};

/* The clients whose offences are counted; "all" includes this machine. */
enum penalty_scope { PENALTIES_OFF, PENALTIES_ON, PENALTIES_ALL };

/* How a session takes what the standards do not allow: restante.conf(5). */
enum profile {
	PROFILE_MX,         /* strict about line ends alone */
	PROFILE_SUBMISSION, /* all line ends will do */
	PROFILE_STRICT,     /* the letter of RFC 5321 */
};

/* The senders that a user who has logged in may use: any; of the addresses
   in our own domains, the user's own; the user's own alone. */
enum sender_check { SENDER_OFF, SENDER_DOMAIN, SENDER_LOGIN };

enum log_target { LOG_DEFAULT, LOG_SYSLOG, LOG_STDERR };

/* Who says whether mail for one of our domains that is handed on has a
   recipient. */
enum recipient_check {
	RECIPIENT_CHECK_LOCAL,    /* users and aliases here */
	RECIPIENT_CHECK_NEXT_HOP, /* aliases here, else the next hop */
};

/* The treatment of a message that DMARC does not vouch for. */
enum dmarc_mode { DMARC_OFF, DMARC_MARK, DMARC_ENFORCE };

/* The name servers that are trusted to say that an answer is signed: none,
   those on this machine, or all. */
enum dane_mode { DANE_OFF, DANE_AUTO, DANE_ON };

/* RFC 8461 section 3.2. */
enum sts_mode {
	STS_NONE,    /* as if there were no policy */
	STS_TESTING, /* what fails is told in reports alone */
	STS_ENFORCE, /* what fails gets no mail */
};

/* UIDLs of POP3: ours, or those of the server that was there before. */
enum uidl_style { UIDL_NATIVE, UIDL_DOVECOT, UIDL_POPA3D, UIDL_HEADER };

/* The keys, of those that exist, that sign mail that we send. */
enum dkim_sign { DKIM_SIGN_RSA, DKIM_SIGN_BOTH, DKIM_SIGN_OFF };

/* A rule of routing: what it is for, and where that goes. */
struct config_rule {
	char pattern[CONFIG_NAME];
	char value[CONFIG_VALUE];
	bool more; /* a last word: "header" of relay-from, "for login" of
	              masquerade */
};

/* Clients that may send without a login. */
struct trusted {
	struct network network;
	char text[NETWORK_TEXT];    /* as it was written */
	char name[LIMITS_USER + 1]; /* as whom they send, or "" */
};

/* Extensions that are not offered. */
struct hidden {
	uint64_t extensions; /* bits of config_extension() */
	bool everybody;      /* else to clients from here: */
	struct network network;
};

struct config {
	char file[PATH_MAX];   /* where it was read from, or "" */
	char folder[PATH_MAX]; /* of paths that are not set, or "": those of
	                          the installed system */
	char hostname[CONFIG_NAME];
	char system_name[CONFIG_NAME]; /* gethostname(2)'s, or "" */
	char domains[CONFIG_LIST][CONFIG_NAME];
	size_t ndomains;
	char users[PATH_MAX]; /* a file, or "system" */
	bool system_users;    /* so it is, or no file is named or there */
	char mailbox[PATH_MAX];
	char junk[PATH_MAX];    /* of marked mail, as mailbox, or "" */
	char forward[PATH_MAX]; /* where .forward files are, as mailbox */
	char queue[PATH_MAX];
	char state[PATH_MAX];
	char socket[PATH_MAX];          /* of local submission */
	char resolver_socket[PATH_MAX]; /* of the process that asks name
	                                   servers; no key */
	char aliases[PATH_MAX];
	char access[PATH_MAX];                 /* rules for clients, or "" */
	char tls[CONFIG_LIST][PATH_MAX];       /* files of private keys */
	char tls_chain[CONFIG_LIST][PATH_MAX]; /* of their certificates */
	size_t ntls;
	char tls_default[PATH_MAX];   /* used where no "tls" is set */
	char tls_client_ca[PATH_MAX]; /* of clients' certificates, or "" */
	char tls_priority[CONFIG_NAME];
	char tls_trust[PATH_MAX]; /* certificates that relays' must lead to;
	                             "": the system's */
	char relay[CONFIG_VALUE]; /* a hop, see smtpd/route/hop.h, or "" */
	char fallback_relay[CONFIG_VALUE];
	char deliver_by[CONFIG_VALUE]; /* a hop for users' mail; "": none */
	/* "route DOMAIN HOP", "sender-relay ADDRESS HOP",
	   "relay-password [USER@]HOST SOURCE",
	   "relay-from [USER@]HOST ADDRESS [header]",
	   "masquerade ADDRESS ADDRESS [for login]" */
	struct config_rule routes[CONFIG_LIST];
	size_t nroutes;
	struct config_rule sender_relays[CONFIG_LIST];
	size_t nsender_relays;
	struct config_rule relay_passwords[CONFIG_LIST];
	size_t nrelay_passwords;
	struct config_rule relay_froms[CONFIG_LIST];
	size_t nrelay_froms;
	struct config_rule masquerades[CONFIG_LIST];
	size_t nmasquerades;
	/* Who gets a copy of strangers' mail, and of users'; "": nobody. */
	char archive_in[CONFIG_NAME], archive_out[CONFIG_NAME];
	enum profile profile_mx, profile_submission;
	enum sender_check sender_check;
	bool sender_check_header; /* in From: of the message, too */
	struct config_rule senders[CONFIG_LIST]; /* "sender USER ADDRESS..." */
	size_t nsenders;
	char virtual_domains[CONFIG_LIST][CONFIG_NAME]; /* addresses there are
	                                                   aliases alone */
	size_t nvirtual_domains;
	char subaddress[CONFIG_NAME];     /* delimiters; "none": "" */
	char alert[CONFIG_VALUE];         /* told of trouble, or "" */
	char oauth_command[CONFIG_VALUE]; /* asked about tokens, or "" */
	char oauth_owner[CONFIG_NAME];    /* "": see account_oauth_owner() */
	char alias_owner[CONFIG_NAME]; /* the user that runs commands of aliases
	                                */
	unsigned relay_concurrency;    /* connections to one next hop */
	unsigned queue_concurrency;    /* agents in all */
	char resolver[CONFIG_NAME];
	uint64_t size_limit;     /* octets; 0: none */
	uint64_t minimum_free;   /* octets left on the disk of the queue */
	uint64_t strangers_room; /* octets of all their messages; 0: a part */
	struct limits quota;     /* octets of a mailbox */
	struct limits expire;   /* days that mail stays once it was collected */
	bool mark_as_read;      /* in Status, what POP3 has collected */
	struct limits undelete; /* days that deleted mail is kept aside */
	struct limits login_delay; /* seconds from a POP3 login to the next */
	enum plaintext_login plaintext_login;
	bool channel_binding;     /* SCRAM's -PLUS is offered */
	unsigned recipients;      /* of a message of a stranger's, */
	unsigned recipients_user; /* and of a user's */
	struct trusted trusts[CONFIG_LIST];
	size_t ntrusts;
	struct hidden hidden[CONFIG_LIST];
	size_t nhidden;
	bool hide_client;          /* where a user is, in Received */
	bool clients_imap;         /* another server has IMAP: --clients */
	unsigned password_minimum; /* characters of a new one; 0: unsaid */
	unsigned sessions;
	unsigned sessions_per_source; /* 0: the default; loopback has more */
	unsigned sessions_per_user;
	unsigned sessions_reserved; /* for others than strangers; 0: a part */
	enum penalty_scope penalties;
	struct network penalties_exempt[CONFIG_LIST];
	size_t npenalties_exempt;
	struct network proxies[CONFIG_LIST]; /* peers that speak for others */
	size_t nproxies;
	unsigned idle_exit;              /* seconds */
	char user[CONFIG_NAME];          /* of the sessions; "": see the page */
	char mailbox_owner[CONFIG_NAME]; /* "": see account_mailbox_owner() */
	enum log_target log;
	bool log_json;
	char letter[CONFIG_NAME];   /* who gets the weekly letter; "": nobody */
	char stats_file[PATH_MAX];  /* for Prometheus; "": none */
	char log_name[CONFIG_NAME]; /* in front of smtpd's parts; "": none */
	enum uidl_style uidl;
	enum dkim_sign dkim_sign;
	bool srs;                     /* senders of forwarded mail are ours */
	char srs_domain[CONFIG_NAME]; /* and of this domain */
	/* For port 25; see "Unknown clients" in restante.conf(5). */
	struct network policy_exempt[CONFIG_LIST];
	size_t npolicy_exempt;
	unsigned greet_delay; /* seconds; 0: none */
	bool pipelining_check;
	struct blocklist dnsbl[CONFIG_LIST];
	size_t ndnsbl;
	enum recipient_check recipient_check;
	unsigned greylist;                      /* seconds; 0: none */
	bool auth;                              /* verify strangers' mail */
	char auth_id[CONFIG_NAME];              /* our name in the results */
	struct network auth_trust[CONFIG_LIST]; /* peers that verify for us */
	size_t nauth_trust;
	bool received_spf; /* the field of RFC 7208 section 9.1, too */
	enum dmarc_mode dmarc;
	enum dane_mode dane;
	bool mta_sts; /* policies of domains are asked for, and obeyed */
	enum sts_mode mta_sts_mode; /* of the policy of our domains */
	char dmarc_exempt[CONFIG_LIST][CONFIG_NAME];
	size_t ndmarc_exempt;
	bool reports; /* to those who publish policies */
	char arc_trust[CONFIG_LIST][CONFIG_NAME]; /* sealers */
	size_t narc_trust;
	bool arc_seal; /* strangers' mail that we forward */
	/* milters: "unix:PATH", "inet:HOST:PORT" */
	char filters[CONFIG_LIST][CONFIG_NAME];
	size_t nfilters;
	bool filter_accept;      /* what a filter that fails has not seen */
	bool filter_users;       /* have users' mail looked at, too */
	unsigned filter_timeout; /* seconds */
	struct limits account_messages, account_recipients; /* in an hour */
};

/*
 * Reads file, or the default file when NULL (which may be missing), and fills
 * in the defaults: with a file that is not the installed one, nothing that it
 * leaves out is looked for outside its folder.  The caller frees it with
 * free(3): it is large, but takes no memory where nothing is said.  NULL: there
 * is a message for people in error.
 */
struct config *config_load(const char *file, char error[CONFIG_ERROR])
    __attribute__((warn_unused_result));

/*
 * Forgets the passwords in next hops, so that no process has them that does not
 * need them: CONFIG_HIDDEN stands for each.  Who needs one reads the file
 * again.
 */
enum { CONFIG_HIDDEN = 1 }; /* an octet that no URL contains */
void config_hide_passwords(struct config *);

/*
 * True if the domain is one of ours; case does not matter.  The second counts
 * only those that are configured, as does a stranger: localhost, the system's
 * name and the loopback addresses mean this machine to those who are on it.
 */
bool config_is_ours(const struct config *, const char *domain);
bool config_is_ours_to_all(const struct config *, const char *domain);

/* True if it is one whose addresses are aliases alone, "virtual-domains". */
bool config_is_virtual(const struct config *, const char *domain);

/*
 * The extension that a line of EHLO or CAPA announces, as one bit; 0: none that
 * we know.
 */
uint64_t config_extension(const char *line);

/* True if users are the system's accounts. */
bool config_system_users(const struct config *);

/*
 * The most that a session's file for one message may need: the size-limit, what
 * BINARYMIME grows by when it becomes lines, and header fields of ours; 0: no
 * limit.
 */
uint64_t config_body_limit(const struct config *);

#endif
