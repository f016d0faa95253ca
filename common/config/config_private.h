/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_CONFIG_CONFIG_PRIVATE_H
#define RESTANTE_COMMON_CONFIG_CONFIG_PRIVATE_H

#include "common/config/config.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Values of the configuration, one function for each kind: 0, or -1 with the
 * place and the reason in the error.
 */

/* The place in the file, and the first error there. */
struct config_place {
	const char *file;
	unsigned line;
	char *error;
};

/* The path of that file; NULL: of the installed one. */
const char *config_file(const char *file);

/* Sets the paths that the file did not set.  -1: error says why not. */
int config_places(struct config *, const char *file, char error[CONFIG_ERROR]);

/* Writes what is wrong, with the value in quotes, into the error; -1. */
int config_fail(
    const struct config_place *, const char *what, const char *value);

/* Does the same for a domain; one outside ASCII gets its DNS form as well. */
int config_fail_domain(
    const struct config_place *, const char *what, const char *value);

int config_set_text(
    const struct config_place *, char *dst, size_t size, const char *value);
int config_set_word(
    const struct config_place *, char *dst, size_t size, const char *value);
/* A whole path, and arguments between blanks. */
int config_set_command(
    const struct config_place *, char dst[CONFIG_VALUE], const char *value);
int config_set_count(
    const struct config_place *, unsigned *count, const char *value);
int config_set_size(
    const struct config_place *, uint64_t *size, const char *value);

/* "NUMBER [USER]", or "SIZE [USER]"; 0: none. */
int config_set_limit(const struct config_place *, struct limits *, bool is_size,
    const char *value);

/* Adds the domains, or the certificate. */
int config_set_domains(const struct config_place *,
    char list[CONFIG_LIST][CONFIG_NAME], size_t *count, const char *value);
int config_set_tls(
    const struct config_place *, struct config *, const char *value);

/* One of the words, into an enum that has them in this order. */
enum { CONFIG_CHOICES = 4 }; /* at most */
int config_set_choice(const struct config_place *, unsigned *field,
    const char *const words[CONFIG_CHOICES], const char *expected,
    const char *value);

/* "on" or "off" */
int config_set_switch(
    const struct config_place *, bool *field, const char *value);

/* Adds domains that are not ours. */
int config_set_names(const struct config_place *,
    char list[CONFIG_LIST][CONFIG_NAME], size_t *count, const char *value);

/* Adds a list in the DNS. */
int config_set_dnsbl(
    const struct config_place *, struct config *, const char *value);

/* Adds networks. */
int config_set_networks(const struct config_place *,
    struct network list[CONFIG_LIST], size_t *count, const char *value);
/* Who gets the weekly letter, or off. */
int config_set_letter(
    const struct config_place *, struct config *, const char *value);
/* A target and a form, or one of them. */
int config_set_log(
    const struct config_place *, struct config *, const char *value);

/* Adds filters; what becomes of mail that one has not seen; its seconds. */
int config_set_filter(
    const struct config_place *, struct config *, const char *value);
int config_set_filter_failure(
    const struct config_place *, struct config *, const char *value);
int config_set_filter_timeout(
    const struct config_place *, struct config *, const char *value);

/* Letters, digits, "-" and "_"; "none": "". */
int config_set_log_name(
    const struct config_place *, struct config *, const char *value);

/* %u and %d and %h stand for things; users must not share a mailbox. */
int config_set_mailbox(
    const struct config_place *, char path[PATH_MAX], const char *value);

/* Cuts "pattern value" into the next rule of a list; NULL: said why not. */
struct config_rule *config_next_rule(const struct config_place *,
    struct config_rule *rules, size_t count, const char *text);

/* Sets what a role is lenient about. */
int config_set_profile(
    const struct config_place *, struct config *, const char *value);

/* "NETWORK [NAME]"; "KEYWORD[,...] [NETWORK ...]"; "NUMBER [user]". */
int config_set_trust(
    const struct config_place *, struct config *, const char *value);
int config_set_ehlo_hide(
    const struct config_place *, struct config *, const char *value);
int config_set_recipients(
    const struct config_place *, struct config *, const char *value);

/*
 * Sets what the file did not: neighbours are exempt, and users have 1000
 * recipients, unless strangers have more.
 */
void config_finish_clients(struct config *);

/* Sets the addresses that users may send as. */
int config_set_sender_check(
    const struct config_place *, struct config *, const char *value);
int config_set_user_sender(
    const struct config_place *, struct config *, const char *value);

/* True if it is "a@b", or "@b" for a whole domain. */
bool config_is_sender(const char *pattern);

/*
 * Sets parts of the routing.  A hop may hold a password, so errors never show
 * it; smtpd/route/hop.h knows what it must look like.
 */
int config_set_hop(
    const struct config_place *, char dst[CONFIG_VALUE], const char *value);
int config_set_route(
    const struct config_place *, struct config *, const char *value);
int config_set_sender(
    const struct config_place *, struct config *, const char *value);
int config_set_secret(
    const struct config_place *, struct config *, const char *value);
int config_set_archive(
    const struct config_place *, struct config *, const char *value);
int config_set_deliver_by(
    const struct config_place *, struct config *, const char *value);
int config_set_relay_from(
    const struct config_place *, struct config *, const char *value);
int config_set_masquerade(
    const struct config_place *, struct config *, const char *value);
int config_set_subaddress(
    const struct config_place *, struct config *, const char *value);

#endif
