/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ADMIN_SETUP_PRIVATE_H
#define RESTANTE_SMTPD_ADMIN_SETUP_PRIVATE_H

#include "common/config/config.h"
#include "common/login/users.h"
#include "smtpd/admin/setup.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The parts of smtpd --setup. */

enum {
	SETUP_LOCAL = 64,
	SETUP_PATH = 1024,
	SETUP_ITEMS = 24,
	SETUP_NOTE = 1024,
	SETUP_ACCOUNTS = 200
};

/* The places of the files. */
struct setup_place {
	bool system; /* the machine's own set-up, as root */
	bool root;   /* by root: mailboxes have other owners */
	char folder[SETUP_PATH], conf[SETUP_PATH], aliases[SETUP_PATH];
};

/* The facts about what exists already; texts are "" where there is no file. */
struct setup_facts {
	char *conf, *users, *aliases; /* allocated */
	bool has_certificate, has_account, has_user;
	bool systemd, has_sessions_user, has_mail_user;
	bool has_local_units, has_open_units; /* are enabled */
	bool has_letter;                      /* so is its timer */
	bool has_keys;                        /* of DKIM, for the domain */
	char name[CONFIG_NAME]; /* of the machine: a full one if it has one */
	/* Accounts of people, or with a mailbox, that no alias has; as far as
	   there is room, with commas. */
	char accounts[SETUP_ACCOUNTS];
	struct config *config; /* as it is, or would be without a file */
};

struct setup_answers {
	char user[SETUP_LOCAL + 1], domain[CONFIG_NAME], hostname[CONFIG_NAME];
	char relay[CONFIG_VALUE];          /* or "" */
	char relay_password[CONFIG_VALUE]; /* or "" */
	char relay_source[CONFIG_VALUE];   /* of relay-password, or "" */
	bool relay_open;                   /* there is no password for it yet */
	char tls[SETUP_PATH];              /* a file, or "": one of our own */
	char credentials[USER_CREDENTIALS]; /* for the new user, or "" */
	bool open;                          /* ports for the network */
	bool hosted; /* the address is at the provider, not here */
	/* The address from which alone the relay takes mail; "": any. */
	char relay_sender[CONFIG_VALUE];
};

/* In the order in which they are done; the files are the commit point. */
enum setup_kind {
	SETUP_USER, /* of the system: useradd */
	SETUP_FOLDER,
	SETUP_FILE,    /* in the folder of the configuration */
	SETUP_ALIASES, /* outside of it */
	SETUP_KEYS,    /* of DKIM; name: their folder */
	SETUP_UNITS,   /* systemctl enable --now */
};

struct setup_item {
	enum setup_kind kind;
	char name[SETUP_PATH]; /* a path, or a command and its words */
	char *text;            /* of a file; NULL: made when it is written */
	mode_t mode;
	char note[SETUP_NOTE]; /* what it is, for people; holds no secret */
};

struct setup_plan {
	struct setup_item items[SETUP_ITEMS];
	size_t count;
	bool failed; /* no memory, or too long */
};

/* ---- setup_providers.c: pure ---- */

/* A provider whose addresses we know by their domain. */
struct setup_provider {
	const char *domain, *scheme, *host;
	/* What its password is called, and where it is to be had; NULL: it
	   takes tokens alone. */
	const char *secret, *where;
};
const struct setup_provider *setup_provider(const char *domain);

/* True if that host of a provider takes mail from the address alone that has
   logged in; a port may follow it. */
bool setup_provider_own(const char *host);

/* The URL for an address that a provider has. */
void setup_provider_url(const struct setup_provider *,
    const struct setup_answers *, char url[CONFIG_VALUE]);

/* ---- setup_text.c: pure ---- */

/* The value of a key in the text of restante.conf, or NULL; len: its length. */
const char *setup_value(const char *text, const char *key, size_t *len);

/* Does the same for the line whose value begins with that word, of a key that
   may be given several times. */
const char *setup_rule(
    const char *text, const char *key, const char *word, size_t *len);

/*
 * The text with the key set: in the place of its first line (of that word, if
 * it is not NULL), else after the last one of its like, else after the comment
 * that shows it, else at the end.  NULL: no memory.  The caller frees.
 */
char *setup_set(
    const char *text, const char *key, const char *word, const char *value);

/* True if the text of an aliases file has a line for the name. */
bool setup_has_alias(const char *text, const char *name);

/* What the first line of an alias says, *len octets; NULL: there is none. */
const char *setup_alias(const char *text, const char *name, size_t *len);

/* A full name of a domain or machine, as the DNS has it.  false: it is none. */
bool setup_domain(const char *text, char out[CONFIG_NAME]);

/*
 * What the machine may be called in full if it has been told nothing: its own
 * name, or one in the domain of the address; hosted: that is not ours.
 */
void setup_guess_name(const struct setup_facts *, const char *domain,
    bool hosted, char out[CONFIG_NAME]);

/* Takes local part and domain of an address apart.  false: it is none. */
bool setup_address(const char *address, struct setup_answers *);

/* ---- setup_plan.c: pure ---- */

void setup_plan(const struct setup_place *, const struct setup_facts *,
    const struct setup_answers *, struct setup_plan *);
void setup_plan_free(struct setup_plan *);

/* ---- the others ---- */

/* setup_facts.c: looks at the machine.  0, or -1, logged. */
int setup_look(const struct setup_place *, const struct setup_answers *,
    struct setup_facts *) __attribute__((warn_unused_result));
void setup_facts_free(struct setup_facts *);

/* setup_ask.c: wishes first, then what is there, then a person, then defaults.
   An exit status. */
int setup_ask(const struct setup_wish *, const struct setup_place *,
    struct setup_facts *, struct setup_answers *)
    __attribute__((warn_unused_result));
/* True if there is somebody to ask. */
bool setup_person(const struct setup_wish *);
/* Asks for a line; Enter, or an end of input, takes what is in brackets. */
void setup_question(
    const char *question, const char *shown, char *answer, size_t size);
/* True without blanks and comments. */
bool setup_is_word(const char *text);
/* A question with yes or no for an answer; true without a person. */
bool setup_agree(const struct setup_wish *, const char *question);

/* setup_relay.c: how mail leaves; the login is tried.  An exit status. */
int setup_ask_relay(const struct setup_wish *, const struct setup_facts *,
    struct setup_answers *) __attribute__((warn_unused_result));

/* setup_outside.c: prints findings about the way of mail to the world and back:
   port 25, reverse names, a list of spammers.  Within ten seconds, if the DNS
   of the world may know the domain. */
void setup_look_outside(
    const struct setup_facts *, const struct setup_answers *);

/* setup_apply.c: 0, or -1, logged: then nothing has changed. */
int setup_apply(const struct setup_place *, const struct setup_answers *,
    const struct setup_plan *) __attribute__((warn_unused_result));

/* setup_run.c: runs a program to its end; its exit status, or -1.  input: what
   it reads, or NULL. */
int setup_run(char *const words[], const char *input);
/* Runs this program with that configuration; words: at most four, up to NULL.
   quiet: what it prints is of no interest. */
int setup_run_self(const struct setup_place *, const char *const words[],
    const char *input, bool quiet);

/* setup_try.c: sends a mail and collects it.  0, or -1 with what went wrong
   printed. */
int setup_try(const struct setup_place *, const struct setup_answers *,
    const char *password);

#endif
