# SPDX-License-Identifier: ISC
"""What an SMTP server must answer to any commands: a model of it.

It reads what a client sends, and tells the codes of the replies that are due.
It knows which addresses, parameters and texts are good, because the test that
makes them up uses no others: alice and bob at example.org exist, FOO is no
parameter, a SIZE that begins with 9 is too big, and no chunk ends in CR.
"""
import re

START, READY, MAIL, RCPT, CHUNKS = ALL = \
    ("start", "ready", "mail", "rcpt", "chunks")
# Verb: the states that allow it, and whether it has an argument (or None).
VERBS = {"EHLO": (ALL, True), "HELO": (ALL, True), "MAIL": ((READY,), True),
         "RCPT": ((MAIL, RCPT), True), "DATA": ((MAIL, RCPT), False),
         "BDAT": (ALL, None), "RSET": (ALL, False), "VRFY": (ALL, True),
         "EXPN": (ALL, True), "HELP": (ALL, None), "NOOP": (ALL, None),
         "QUIT": (ALL, False), "STARTTLS": ((START, READY), False),
         "AUTH": ((START, READY), True), "ETRN": ((READY,), True)}
SIMPLE = {"NOOP": "250", "ETRN": "459", "RSET": "250",
          "EHLO": "250", "HELO": "250", "QUIT": "221"}
MOST_ERRORS, MOST_RCPTS, MOST_IDLE = 20, 100, 100
LEAVE = "550 and the connection ends"


class Automaton:
    """One session; good: the initial response of AUTH PLAIN that is."""

    def __init__(self, role, tls, good, size_limit):
        self.role, self.tls, self.good, self.limit = role, tls, good, \
            size_limit
        self.state, self.user, self.over, self.secured = START, False, False, \
            False
        self.errors, self.idle, self.rest, self.delivered = 0, 0, b"", []
        self.read = self.command        # what reads on
        self.reset()

    def reset(self):
        """The transaction is over."""
        self.rcpts, self.said, self.refused = set(), 0, False
        self.refusal, self.message = None, b""
        self.state = START if self.state == START else READY

    def feed(self, data):
        """The codes that are due for data, after what came before."""
        self.rest += data
        codes = []
        while not self.over and not self.secured:
            if self.read == self.command and (
                    self.errors >= MOST_ERRORS or
                    not self.user and self.idle >= MOST_IDLE):
                codes.append("421")
                self.over = True
                break
            code = self.read()
            if code is None:
                break
            self.errors += code[:1] in ("4", "5")
            self.over = self.over or code == LEAVE
            codes += [code[:3]] if code else []
        return codes

    def line(self):
        """The next line without its LF, or None."""
        line, end, rest = self.rest.partition(b"\n")
        if not end:
            return None
        self.rest = rest
        return line

    def command(self):
        """A command: its code; "": later; None: not there yet."""
        line = self.line()
        if line is None:
            return None
        self.idle += 1      # commands that bring no mail nearer
        text = line.removesuffix(b"\r").decode("latin-1").rstrip(" \t")
        verb, _, argument = text.partition(" ")
        verb = verb.upper()
        bad = b"\r" in line[:-1] or b"\0" in line or len(line) > 2047 or \
            self.role == "mx" and not line.endswith(b"\r")
        if bad or not text.isascii() and verb not in ("MAIL", "BDAT"):
            self.over = bad and verb == "BDAT"
            return "500"
        if verb == "GET":
            self.over = True
            return "554"
        if verb not in VERBS:
            return "500"
        states, takes = VERBS[verb]
        if self.state not in states:
            return "503"
        if takes is not None and takes != bool(argument):
            return "501"
        if verb in ("EHLO", "HELO"):
            self.state = READY
        if verb in ("EHLO", "HELO", "RSET"):
            self.reset()
        self.over = verb == "QUIT"
        return SIMPLE.get(verb) or getattr(self, verb.lower())(argument)

    def mail(self, argument):
        """MAIL"""
        if self.role == "submission" and not self.user:
            return "530"
        if not re.match(r"FROM:<[^> ]*>", argument, re.I):
            return "501"
        if " FOO" in argument or " SIZE=9" in argument:
            return "555" if " FOO" in argument else "552"
        if not argument.isascii():
            return "553"
        self.state = MAIL
        return "250"

    def rcpt(self, argument):
        """RCPT"""
        found = re.match(r"TO:<(\w+)@([\w.]+)>", argument)
        if not found or " FOO" in argument:
            return "555" if found else "501"
        name = found.group(1).lower()
        if name not in ("alice", "bob") or found.group(2) != "example.org":
            self.refused = True
            return "550"
        if self.said == MOST_RCPTS:
            self.errors -= 1        # nobody can know of the limit
            return "452"
        self.rcpts.add(name)
        self.said += 1
        self.idle -= 1
        self.state = RCPT
        return "250"

    def nobody(self):
        """What a message without recipients gets, or None."""
        return None if self.rcpts else "554" if self.refused else "503"

    def data(self, _):
        """DATA"""
        if self.nobody():
            return self.nobody()
        self.read = self.text
        return "354"

    def text(self):
        """What follows DATA: its code after it, else None."""
        text, end, rest = (b"\r\n" + self.rest).partition(b"\r\n.\r\n")
        if not end:
            return None
        self.rest, self.message, self.read = rest, text, self.command
        return self.conclude(self.fault())

    def bdat(self, argument):
        """BDAT: its code comes after the chunk."""
        found = re.fullmatch(r"(\d{1,19})( LAST)?", argument, re.I)
        if not found:
            self.over = True
            return "501"
        self.read = lambda: self.chunk(int(found.group(1)), found.group(2))
        return ""

    def chunk(self, size, last):
        """What follows BDAT: its code after it, else None."""
        if len(self.rest) < size:
            return None
        self.message += self.rest[:size]
        self.rest, self.read = self.rest[size:], self.command
        if self.state in (START, READY):
            self.reset()
            return "503"
        again, self.state = self.refusal, CHUNKS
        self.refusal = again or self.nobody() or self.fault()
        if again:
            self.errors -= 1        # those that follow count no more
        self.idle -= size > 0 and not self.refusal and not last
        return self.conclude(self.refusal) if last else self.refusal or "250"

    def fault(self):
        """What is wrong with the message so far, or None."""
        text = self.message.replace(b"\r\n", b"")
        if self.role == "mx" and (b"\r" in text or b"\n" in text):
            return LEAVE
        if len(self.message) > self.limit:
            return "552"
        return "550" if b"\0" in self.message else None

    def conclude(self, fault):
        """All of a message is there."""
        self.delivered += [] if fault else sorted(self.rcpts)
        self.idle = self.idle if fault else 0
        self.reset()
        return fault or "250"

    def vrfy(self, argument):
        """VRFY, which tells users of users"""
        return "252" if not self.user else \
            "250" if "bob" in argument else "550"

    def help(self, argument):
        """HELP"""
        return "211" if argument == "STATUS" else "214"

    def expn(self, argument):
        """EXPN"""
        return self.vrfy(argument) if self.user else "502"

    def starttls(self, _):
        """STARTTLS: goes on in a new automaton."""
        if self.tls:
            return "503"
        self.secured, self.over = not self.rest, bool(self.rest)
        return "554" if self.rest else "220"

    def auth(self, argument):
        """AUTH; the test answers each challenge by a star"""
        mechanism, _, initial = argument.partition(" ")
        if self.user or mechanism not in ("PLAIN", "LOGIN"):
            return "503" if self.user else "504"
        if not initial:
            self.read = self.star
            return "334"
        self.user = initial == self.good
        return "235" if self.user else "501"

    def star(self):
        """The star"""
        self.read = self.command if b"\n" in self.rest else self.star
        return None if self.line() is None else "501"
