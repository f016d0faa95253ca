/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_AUTH_SPF_PRIVATE_H
#define RESTANTE_COMMON_AUTH_SPF_PRIVATE_H

#include "common/auth/spf.h"

/* ---- records: spf_record.c ---- */

enum spf_kind {
	SPF_ALL,
	SPF_INCLUDE,
	SPF_A,
	SPF_MX,
	SPF_PTR,
	SPF_IP4,
	SPF_IP6,
	SPF_EXISTS,
	SPF_REDIRECT,
	SPF_EXP,
	SPF_UNKNOWN, /* a modifier, which is ignored */
};

struct spf_term {
	enum spf_kind kind;
	enum spf_result qualifier;
	struct span domain; /* a domain-spec; at NULL: none is given */
	uint8_t address[16];
	unsigned bits4, bits6; /* of the prefixes that count */
};

enum spf_read { SPF_READ_TERM, SPF_READ_END, SPF_READ_BAD };

/* True if a TXT record is one of SPF; *terms is what follows the version. */
bool spf_record_is(struct span text, struct span *terms);

/* Reads the next term and takes it off the text. */
enum spf_read spf_record_next(struct span *rest, struct spf_term *);

/* ---- macros (section 7): spf_macro.c ---- */

/* True if it is a macro-string; exp: with all that exp= may have in it. */
bool spf_macro_valid(struct span text, bool exp);

/* True if the text is a domain-spec. */
bool spf_macro_is_domain(struct span text);

/* True if it has the letter p, for which the client's names must be known. */
bool spf_macro_needs_pointers(struct span text);

/* Expands a valid macro-string; false: it does not fit. */
bool spf_macro_expand(
    const struct spf *, struct span text, char *out, size_t size);

/* Expands a domain-spec to a name to be asked for; false: it is none. */
bool spf_macro_domain(
    const struct spf *, struct span text, char name[ASK_NAME]);

/* The client's name that %{p} stands for. */
const char *spf_pointer(const struct spf *);

/* ---- terms: spf_terms.c ---- */

/* The record that is being read. */
struct spf_frame *spf_top(struct spf *);

/* The term that is being evaluated. */
struct spf_term spf_current(struct spf *);

/* Evaluates the next term of the uppermost record. */
void spf_step(struct spf *);

/* The current term matches, or does not: goes on with what follows from it. */
void spf_decide(struct spf *, bool matches);

/* Ends with a result that is known, after its explanation if that is wanted. */
void spf_conclude(struct spf *);
void spf_finish(struct spf *, enum spf_result);

/* Ends with an error, and why. */
__attribute__((format(printf, 3, 4))) void spf_fault(
    struct spf *, enum spf_result, const char *why, ...);

/* Wants an answer: about s->ask.name, the record's domain, or a host. */
void spf_want(struct spf *, enum spf_state, enum ask_type);
void spf_want_record(struct spf *);
void spf_want_addresses(struct spf *, enum spf_state, const char *name);

/* True if the client is one of the addresses, or in their networks. */
bool spf_is_among(const struct spf *, const struct ask_answer *, unsigned bits4,
    unsigned bits6);

/* Looks the client's names up (section 5.5), for ptr and %{p}. */
void spf_want_pointers(struct spf *);

/* Counts an answer without records; false: there are too many. */
bool spf_count_void(struct spf *, enum ask_status);

/* Letters and digits of ASCII, whatever the locale. */
static inline bool
spf_is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool
spf_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

#endif
