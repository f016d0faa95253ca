/* SPDX-License-Identifier: ISC */
/* The part of a report that people read: what happened, and what to do. */
#include "smtpd/queue/report/dsn_private.h"

#include "common/text/date.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { DAY = 24 * 60 * 60, HOUR = 60 * 60, INDENT = 4 };

/* By the codes of RFC 3463 without the class; "7." matches all of 7.x. */
static const struct {
	const char *code, *words;
} reasons[] = {
	{ "1.0", "The address is not accepted there. Check it for typing "
		 "errors." },
	{ "1.1", "There is no such mailbox. Check the address for typing "
		 "errors, or ask for the right one in another way, and send "
		 "the message again." },
	{ "1.2", "The domain of the address does not exist, or takes no mail. "
		 "Check the part after the @ for typing errors." },
	{ "1.3", "The address is not written as an address must be. Check it "
		 "for typing errors." },
	{ "1.6", "The mailbox has moved, and left no new address that mail can "
		 "be sent on to. Ask for the new one in another way." },
	{ "1.7", "The address of the sender is not accepted there. Check your "
		 "own address in the settings of your mail program." },
	{ "1.8", "The domain of the sender is not accepted there. Check your "
		 "own address in the settings of your mail program." },
	{ "1.10", "The domain of the address says that it takes no mail at "
		  "all. Check the part after the @ for typing errors." },
	{ "2.0", "The mailbox does not take the message." },
	{ "2.1", "The mailbox is closed. Ask in another way whether there is "
		 "a new one." },
	{ "2.2", "The mailbox is full. Tell its owner in another way, and "
		 "send the message again when there is room." },
	{ "2.3", "The message is too large for the mailbox. Send it in "
		 "smaller parts, or put the files on a web site and send "
		 "their address." },
	{ "3.3", "The server there cannot do what your message asks for, such "
		 "as to return it rather than to deliver it late. Send it "
		 "again without that." },
	{ "3.4", "The message is larger than that server takes. Send it in "
		 "smaller parts, or put the files on a web site and send "
		 "their address." },
	{ "4.6", "The message went round in a loop: the servers of that "
		 "domain pass it on to each other. You cannot fix that; "
		 "the postmaster of that domain can." },
	{ "6.7", "The server there does not take addresses that are not "
		 "ASCII. Ask for another address." },
	{ "6.", "The server there cannot take a message of this form. Send it "
		"as plain text, without attachments." },
	{ "7.30", "The message is to travel over protected connections alone "
		  "(REQUIRETLS), and the server there does not promise that. "
		  "Send it again without that if it need not be secret, or "
		  "reach the person in another way." },
	{ "7.", "The server there refuses the message by its own rules; its "
		"reply is below. If that names an address for "
		"complaints, use it, or reach the person in another way." },
	{ "3.", "The mail system there has a problem that it does not expect "
		"to go away. Reach the person in another way." },
	{ "5.", "The two servers did not understand each other. Please show "
		"this report to the postmaster of your mail server." },
};

static const char *
by_code(const char *dsn)
{
	size_t n = sizeof(reasons) / sizeof(reasons[0]);
	const char *code = dsn[0] != '\0' && dsn[1] == '.' ? dsn + 2 : "";

	for (size_t i = 0; i < n; i++) {
		const char *c = reasons[i].code;
		size_t len = strlen(c);
		if (c[len - 1] == '.' ? strncmp(code, c, len) == 0
				      : strcmp(code, c) == 0) {
			return reasons[i].words;
		}
	}
	return "It was refused for good; the reason is below. If that does not "
	       "help, show this report to the postmaster of your mail server.";
}

static const char *
last_time(const struct report_recipient *r)
{
	return r->text[0] == '\0' ? "" : " What went wrong the last time:";
}

/* Only temporary errors, until the delivery time expired. */
static void
put_expired(const struct dsn *d, struct wrap *w, const char *last)
{
	char words[200], time[40] = "";
	long age = (long)(d->now - d->file->mail.arrival);

	if (age >= 2 * DAY) {
		snprintf(time, sizeof(time), " for %ld days", age / DAY);
	} else if (age >= 2 * HOUR) {
		snprintf(time, sizeof(time), " for %ld hours", age / HOUR);
	}
	snprintf(words, sizeof(words),
	    "It was tried%s, without success. Send it again later, or reach "
	    "the person in another way.%s",
	    time, last);
	wrap_text(w, INDENT, words);
}

static void
put_failed(
    const struct dsn *d, struct wrap *w, const struct report_recipient *r)
{
	bool relay = strncmp(r->dsn, "5.7.", 4) == 0 &&
	             strcasestr(r->text, "relay") != NULL;

	if (r->dsn[0] == '4' || strcmp(r->dsn, "5.4.7") == 0) {
		put_expired(d, w, last_time(r));
		return;
	}
	wrap_text(w, INDENT,
	    relay ? "That server says that it takes no mail for this "
		    "address (\"relaying\"). Check the part after the @ for "
		    "typing errors; if it is right, the postmaster of that "
		    "domain must configure that server for it."
		  : by_code(r->dsn));
}

/* What happened to a recipient, in plain words. */
static void
put_explanation(
    const struct dsn *d, struct wrap *w, const struct report_recipient *r)
{
	char words[100];

	switch (r->kind) {
	case REPORT_FAILED:
		put_failed(d, w, r);
		break;
	case REPORT_DELAYED:
		snprintf(words, sizeof(words),
		    "It could not be delivered yet.%s", last_time(r));
		wrap_text(w, INDENT, words);
		break;
	case REPORT_DELIVERED:
		wrap_text(w, INDENT, "It was delivered.");
		break;
	case REPORT_RELAYED:
		wrap_text(w, INDENT,
		    "It was passed on to a server that sends no reports: you "
		    "may hear no more of it.");
		break;
	case REPORT_EXPANDED:
		wrap_text(w, INDENT,
		    "It was passed on to several addresses; there are no "
		    "reports from those.");
		break;
	}
}

static void
put_recipient_text(
    const struct dsn *d, struct wrap *w, const struct report_recipient *r)
{
	const struct recipient *to = &d->file->mail.recipients[r->recipient];
	char text[MAIL_TEXT + 64];
	bool other = to->given[0] != '\0' && strcmp(to->given, to->text) != 0;

	wrap_line(w, "%s", "");
	if (to->target == TARGET_FILE || to->target == TARGET_PIPE) {
		snprintf(text, sizeof(text), "<%s> (a %s there)",
		    other ? to->given : "postmaster",
		    to->target == TARGET_FILE ? "file" : "program");
	} else {
		snprintf(
		    text, sizeof(text), "<%s>", other ? to->given : to->text);
	}
	wrap_text(w, 0, text);
	if (other && to->target == TARGET_ADDRESS) {
		snprintf(text, sizeof(text), "(passed on to <%s>)", to->text);
		wrap_text(w, INDENT, text);
	}
	put_explanation(d, w, r);
	if (r->text[0] == '\0') {
		return;
	}
	bool reply = strspn(r->text, "0123456789") == 3;
	if (reply && r->host[0] != '\0' && strcmp(r->host, "local") != 0) {
		snprintf(text, sizeof(text), "The server %s said:", r->host);
		wrap_text(w, INDENT, text);
	}
	wrap_reply(w, 2 * INDENT, r->text);
}

static const struct words {
	const char *one, *many;
} openings[] = {
	[REPORT_FAILED] = { "Your message could not be delivered to this "
			    "address, and will not be tried again:",
	    "Your message could not be delivered to these addresses, and will "
	    "not be tried again:" },
	[REPORT_DELAYED] = { "Your message has not been delivered to this "
			     "address yet. You need not do anything, nor send "
			     "it again:",
	    "Your message has not been delivered to these addresses yet. You "
	    "need not do anything, nor send it again:" },
	[REPORT_DELIVERED] = { "You asked to be told: your message was "
			       "delivered to this address.",
	    "You asked to be told: your message was delivered to these "
	    "addresses." },
	[REPORT_RELAYED] = { "You asked to be told: your message was passed on "
			     "for this address.",
	    "You asked to be told: your message was passed on for these "
	    "addresses." },
	[REPORT_EXPANDED] = { "You asked to be told: your message was "
			      "delivered to this list.",
	    "You asked to be told: your message was delivered to these "
	    "lists." },
};

/* All recipients of one kind. */
static void
put_kind(const struct dsn *d, struct wrap *w, enum report_kind kind)
{
	char text[100], when[DATE_SIZE];
	size_t count = 0, listed = 0;

	for (size_t i = 0; i < d->count; i++) {
		count += d->recipients[i].kind == kind;
	}
	if (count == 0) {
		return;
	}
	wrap_line(w, "%s", "");
	wrap_text(w, 0, count == 1 ? openings[kind].one : openings[kind].many);
	if (kind == REPORT_DELAYED) {
		date_text(d->until, when);
		snprintf(
		    text, sizeof(text), "It will be tried until %s.", when);
		wrap_text(w, 0, text);
	}
	for (size_t i = 0; i < d->count && listed < DSN_LISTED; i++) {
		if (d->recipients[i].kind == kind) {
			put_recipient_text(d, w, &d->recipients[i]);
			listed++;
		}
	}
	if (listed < count) {
		wrap_line(w, "%s", "");
		snprintf(text, sizeof(text),
		    "And %zu more, which are named in the delivery report.",
		    count - listed);
		wrap_text(w, 0, text);
	}
}

static void
put_closing(const struct dsn *d, enum dsn_return returned, struct wrap *w)
{
	char text[160];

	wrap_line(w, "%s", "");
	switch (returned) {
	case DSN_MESSAGE:
		wrap_text(w, 0, "The message is attached.");
		break;
	case DSN_HEADER_ASKED:
		wrap_text(w, 0, "The header of the message is attached.");
		break;
	case DSN_HEADER_LARGE:
		snprintf(text, sizeof(text),
		    "The message has %llu octets, too many to send it back; "
		    "its header is attached.",
		    (unsigned long long)d->file->mail.size);
		wrap_text(w, 0, text);
		break;
	}
}

void
dsn_text(const struct dsn *d, enum dsn_return returned, struct wrap *w)
{
	static const enum report_kind order[] = { REPORT_FAILED, REPORT_DELAYED,
		REPORT_DELIVERED, REPORT_RELAYED, REPORT_EXPANDED };

	w->ascii = false;
	wrap_line(w, "Content-Description: Explanation");
	wrap_line(w, "Content-Type: text/plain; charset=utf-8");
	wrap_line(w, "Content-Transfer-Encoding: 8bit");
	wrap_line(w, "%s", "");
	wrap_line(w, "This is the mail server %s.", d->config->hostname);
	if (d->undelivered) {
		wrap_line(w, "%s", "");
		wrap_text(w, 0,
		    "This goes to postmaster, because the message has no "
		    "sender: it is itself a report, or an automatic reply. "
		    "Its recipients and what happened are below; the message "
		    "is attached.");
	}
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		put_kind(d, w, order[i]);
	}
	put_closing(d, returned, w);
}
