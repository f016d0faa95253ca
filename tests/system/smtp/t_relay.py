# SPDX-License-Identifier: ISC
"""Nobody relays through us, however the address is dressed up.

Each form is tried as a stranger on the mx role, where a 2xx reply to RCPT is a
failure: none of these is a mailbox of ours. Users who log in may send
anywhere, but no form of theirs makes our own domain pass mail on either.
"""
from lib.player import PASSWORDS
from lib.scratch import Scratch
from lib.tap import Tap, check, equal

tap = Tap()
OUT = "elsewhere.example"
FORMS = [
    f"<bob@{OUT}>", f"bob@{OUT}", f" <bob@{OUT}>", f"<bob@{OUT.upper()}>",
    f"<bob%{OUT}@example.org>", f"<bob%{OUT}@mail.example.org>",
    f"<bob%{OUT}>", f"<{OUT}!bob>", f"<{OUT}!bob@example.org>",
    f"<@example.org:bob@{OUT}>", f"<@example.org,@example.net:bob@{OUT}>",
    f"<@{OUT}:bob@{OUT}>", f"<@example.org:bob%{OUT}@example.org>",
    f'<"bob@{OUT}"@example.org>', f'<"bob@{OUT}">', f'<"bob%{OUT}"@example.org>',
    f'<"<bob@{OUT}>"@example.org>', f"<bob@{OUT}@example.org>",
    f"<bob@example.org@{OUT}>", f"<bob\\@{OUT}@example.org>",
    f"<bob@{OUT}.>", f"<bob@.{OUT}>", "<bob@>", "<@>",
    f"<bob@{OUT}> ORCPT=rfc822;bob@example.org",
    f"<bob@{OUT}>,<bob@example.org>", f"<bob@{OUT}><bob@example.org>",
    f"<bob@{OUT},bob@example.org>", f"<bob@{OUT};bob@example.org>",
    f"<bob@{OUT} bob@example.org>", f"<bob@example.org.{OUT}>",
    "<bob@sub.example.org>", "<bob@xexample.org>", "<bob@example.orgx>",
    "<bob@example>", "<bob@org>", "<bob@[192.0.2.1]>", "<bob@[127.0.0.2]>",
    "<bob@[IPv6:2001:db8::1]>", "<bob@[::1]>", "<bob@127.0.0.1>",
    "<bob@2130706433>", "<bob@localhost.elsewhere.example>",
    f"<postmaster@{OUT}>", f"<@{OUT}>", f"<bob(comment)@{OUT}>",
    f"<bob@(example.org){OUT}>", f"<bob@{OUT}(example.org)>",
    f"Bob <bob@{OUT}>", f"<smtp:bob@{OUT}>", f"<mailto:bob@{OUT}>",
    f"<bob@example.org#@{OUT}>", f"<bob@example.org\\@{OUT}>",
    f"<|mail bob@{OUT}>", '<"|id"@example.org>', "</etc/passwd>",
    '<"/etc/passwd"@example.org>', "<:include:/etc/passwd@example.org>",
    "<../bob@example.org>", '<"../mail/bob"@example.org>',
    "<bob/../bob@example.org>", "<.@example.org>", "<..@example.org>",
    "<%u@example.org>", "<-oQ/tmp@example.org>",
]
# What is plainly an address of another domain: users may send there.
ELSEWHERE = {
    f"<bob@{OUT}>", f"bob@{OUT}", f" <bob@{OUT}>", f"<bob@{OUT.upper()}>",
    f"<@example.org:bob@{OUT}>", f"<@example.org,@example.net:bob@{OUT}>",
    f"<@{OUT}:bob@{OUT}>", f"<bob@{OUT}.>",
    f"<bob@{OUT}> ORCPT=rfc822;bob@example.org",
    f"<bob@example.org.{OUT}>", "<bob@sub.example.org>", "<bob@xexample.org>",
    "<bob@example.orgx>", "<bob@example>", "<bob@org>", "<bob@[192.0.2.1]>",
    "<bob@[127.0.0.2]>", "<bob@[IPv6:2001:db8::1]>", "<bob@127.0.0.1>",
    "<bob@2130706433>", "<bob@localhost.elsewhere.example>",
    f"<postmaster@{OUT}>",
}


def attempt(talker, form):
    """The reply to RCPT TO with this form, within a transaction."""
    talker.expect("250 ", "RSET")
    talker.expect("250 ", "MAIL FROM:<bob@example.org>")
    talker.send(f"RCPT TO:{form}\r\n")
    return talker.reply()


def try_forms(scratch, role):
    """Tries every form; ten in a session, as twenty errors end one."""
    for start in range(0, len(FORMS), 10):
        with scratch.session("smtpd", "--role", role)[0] as talker:
            talker.hello()
            if role == "submission":
                talker.login("alice", PASSWORDS["alice"])
            for form in FORMS[start:start + 10]:
                with tap.case(f"{role}: no relaying for {form}",
                              scratch.notes):
                    reply = attempt(talker, form)
                    if role == "submission" and form in ELSEWHERE:
                        equal(reply.code, 250, "to another domain")
                        continue
                    check(500 <= reply.code <= 559, repr(reply))
                    check(reply.last[3:6] == " 5.", repr(reply))


def cases_forms(scratch):
    """No form of an address relays"""
    for role in ("mx", "submission"):
        try_forms(scratch, role)


def test_plain(scratch):
    """a plain foreign address gets 550 5.7.1"""
    with scratch.session()[0] as talker:
        talker.hello()
        talker.expect("250 ", "MAIL FROM:<bob@example.org>")
        talker.expect("550 5.7.1", f"RCPT TO:<bob@{OUT}>")


def test_failed_login(scratch):
    """a failed login opens no relay"""
    with scratch.session()[0] as talker:
        talker.hello()
        talker.expect("535 ", "AUTH PLAIN AGFsaWNlAHdyb25n")
        talker.expect("250 ", "MAIL FROM:<bob@example.org>")
        talker.expect("550 5.7.1", f"RCPT TO:<bob@{OUT}>")


def test_own_address(scratch):
    """our own address still works"""
    with scratch.session()[0] as talker:
        talker.hello()
        talker.expect("250 ", "MAIL FROM:<bob@example.org>")
        talker.expect("250 ", "RCPT TO:<bob@example.org>")


if __name__ == "__main__":
    with Scratch() as fixture:
        tap.run(globals(), fixture)
    tap.finish()
