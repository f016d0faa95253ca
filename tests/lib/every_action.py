#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""A milter that does what messages tell it, by python3-milter.

Run as a program: every_action.py SOCKET [LETTERS]. Each field "X-Do:" of a
message is a list in JSON: a method of Milter.Base with its arguments, which
are done at the end of the body, or ["return", NAME]. Addresses do-NAME@... are
answered like that at once, and so is a HELO name do-NAME.... The field
"X-Do-At:" is the same for ["STAGE", NAME]: header, eoh or body.
"""
import json
import os
import re
import sys
import threading

import Milter

RETURNS = {"accept": Milter.ACCEPT, "discard": Milter.DISCARD,
           "reject": Milter.REJECT, "tempfail": Milter.TEMPFAIL,
           "continue": Milter.CONTINUE, "skip": Milter.SKIP}


def told(text):
    """What a name that begins with "do-" asks for."""
    match = re.match(r"<?do-([a-z]+)", text)
    return RETURNS[match[1]] if match and match[1] in RETURNS \
        else Milter.CONTINUE


class EveryAction(Milter.Base):
    """One connection."""

    def __init__(self):
        self.todo, self.at = [], {}

    def hello(self, name):
        """HELO or EHLO."""
        return told(name)

    def envfrom(self, sender, *_):
        """MAIL."""
        self.todo, self.at = [], {}
        return told(sender)

    def envrcpt(self, recipient, *_):
        """RCPT."""
        return told(recipient)

    def header(self, name, value):
        """A field."""
        if name == "X-Do":
            self.todo.append(json.loads(value))
        if name == "X-Do-At":
            self.at.update([json.loads(value)])
        return RETURNS[self.at.get("header", "continue")]

    def eoh(self):
        """The end of the header section."""
        return RETURNS[self.at.get("eoh", "continue")]

    def body(self, chunk):
        """A piece of the body."""
        return RETURNS[self.at.get("body", "continue")]

    def eom(self):
        """The end of the message: all that was asked for."""
        answer = Milter.CONTINUE
        for name, *arguments in self.todo:
            if name == "return":
                answer = RETURNS[arguments[0]]
            else:
                getattr(self, name)(*arguments)
        return answer

    def flood(self, count):
        """So many fields."""
        for number in range(count):
            self.addheader("X-Flood", str(number))

    def die(self):
        """The whole filter ends at once."""
        os._exit(1)

    def stall(self):
        """Nothing more comes."""
        threading.Event().wait()


if __name__ == "__main__":
    Milter.factory = EveryAction
    Milter.set_flags(Milter.ADDHDRS + Milter.CHGBODY + Milter.ADDRCPT
                     + Milter.ADDRCPT_PAR + Milter.DELRCPT + Milter.CHGHDRS
                     + Milter.QUARANTINE + Milter.CHGFROM)
    Milter.runmilter("every-action", sys.argv[1], 240)
