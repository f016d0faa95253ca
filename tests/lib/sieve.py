# SPDX-License-Identifier: ISC
"""Dovecot's lmtp with Pigeonhole, which files the mail of a Scratch's users by
Sieve, into the mailboxes that our pop3d serves."""
from pathlib import Path

from . import dovecot, mbox
from .nexthops import DOVECOT, DovecotLmtp, USERS, USERS_2_4, peer

SIEVE = """
lda_mailbox_autocreate = yes
protocol lmtp {{
  mail_plugins = sieve
}}
plugin {{
  sieve = file:{top}/home/%u/sieve
}}
"""
SIEVE_2_4 = """
lda_mailbox_autocreate = yes
protocol lmtp {{
  mail_plugins {{
    sieve = yes
  }}
}}
sieve_script personal {{
  driver = file
  path = {top}/home/%{{user}}/sieve
}}
"""
STORAGE = """mail_location = mbox:{top}/home/%u/mail:INBOX={mail}/%u
""" + USERS
STORAGE_2_4 = """dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
mail_driver = mbox
mail_path = {top}/home/%{{user}}/mail
mail_inbox_path = {mail}/%{{user}}
""" + USERS_2_4


class DovecotSieve(DovecotLmtp):
    """See above.  users: the names that it knows."""

    name = "dovecot-sieve"

    def __init__(self, scratch, users):
        self.users = users
        super().__init__(scratch)

    def prepare(self):
        super().prepare()
        path = "usr/bin/sievec"
        top = peer("dovecot-sieve", path).parents[len(Path(path).parts) - 2]
        if top != Path("/usr"):
            self.lower = f"{top}:{self.lower}"
        uid, gid = self.account.pw_uid, self.account.pw_gid
        (self.top / "users").write_text("".join(
            f"{user}:{{PLAIN}}x:{uid}:{gid}::{self.top}/home/{user}\n"
            for user in self.users))
        for user in self.users:
            (self.top / "home" / user).mkdir()

    def configure(self):
        super().configure()
        old = dovecot.version() < (2, 4)
        text = DOVECOT + (SIEVE if old else SIEVE_2_4)
        storage = STORAGE if old else STORAGE_2_4
        (self.top / "conf").write_text(text.format(
            storage=storage.format(top=self.top, mail=self.scratch.mail),
            top=self.top, port=self.port, user=self.account.pw_name,
            group=self.group()).replace("mbox_write_locks = fcntl",
                                        "mbox_write_locks = dotlock fcntl"))

    def script(self, user, text):
        """That user's Sieve script from now on."""
        path = self.top / "home" / user / "sieve"
        path.write_text(text)
        self.scratch.own()

    def messages(self, user, folder=None):
        """What lies in a user's mailbox, or in another folder."""
        try:
            return [m.wire for m in mbox.read(
                self.top / "home" / user / "mail" / folder if folder
                else self.scratch.mailbox(user))]
        except (OSError, AssertionError):
            return []
