# SPDX-License-Identifier: ISC
"""Faults of name servers: what they may say instead of the truth.

Each is a function of the question, or makes one, for lib/dns.LyingDns.
"""
import struct
import threading

from .dns import (A, CNAME, MX, NOERROR, PTR, cname, honest, mx, name,
                  record)


def late(lie, times):
    """No answer before it has been asked so many times."""
    left = [times]
    lock = threading.Lock()

    def lost(question):
        with lock:
            left[0] -= 1
            return lie(question) if left[0] < 0 else None
    return lost


def wrong_id(lie):
    """The answer to another question: the id is another."""
    def changed(question):
        answer = lie(question)
        return bytes([answer[0] ^ 0x55]) + answer[1:]
    return changed


def wrong_name(*records):
    """The question that comes back is another."""
    section = name("other.test") + struct.pack("!HH", MX, 1)
    return lambda question: question.answer(*records, section=section)


def truncated(lie):
    """Nothing but the TC flag by UDP; the truth by TCP."""
    def short(question):
        if question.tcp:
            return lie(question)
        return question.answer(flags=0x8780)
    return short


def truncated_for_ever(question):
    """TC by TCP, too."""
    return question.answer(flags=0x8780)


def lengths(owner, kind, data):
    """An answer for each length of the data that is a lie: 0 to 3, and more
    than there is."""
    return [honest(record(owner, kind, data, length=length))
            for length in (0, 1, 2, 3, len(data) + 1, 65535)]


def loop_in_name(question):
    """An MX whose host is a pointer to itself."""
    at = 12 + len(question.section)
    owner = b"\xc0\x0c"
    place = at + len(owner) + 10 + 2
    return question.answer(record(owner, MX, struct.pack(
        "!HH", 10, 0xC000 | place)))


def loop_in_owner(question):
    """The owner of the record is a pointer to itself."""
    at = 12 + len(question.section)
    return question.answer(record(struct.pack("!H", 0xC000 | at), MX,
                                  struct.pack("!H", 10) + name("h.test")))


def past_the_end(question):
    """A name that points past the message."""
    return question.answer(record(b"\xc0\x0c", MX, struct.pack(
        "!HH", 10, 0xFFFF)))


def many_labels(question):
    """A host name of more than 255 octets."""
    host = b"".join(b"\x3f" + b"x" * 63 for _ in range(5)) + b"\0"
    return question.answer(record(b"\xc0\x0c", MX,
                                  struct.pack("!H", 10) + host))


def more_promised(*records):
    """The header promises more records than there are."""
    return lambda question: question.answer(*records, count=60000)


def cut(size):
    """Only the first octets of an answer."""
    return lambda question: question.answer(
        mx(question.name, 10, "h.test"))[:size]


def noise(question):
    """The id, and then anything."""
    return question.ident + bytes(range(256)) * 2


def many_mx(owner, count, host="h%d.test"):
    """So many MX records, of which number 0 is the best, and comes last."""
    records = [mx(b"\xc0\x0c", n, host % n) for n in range(count)]
    return truncated(lambda question: question.answer(*reversed(records)))


def chain(start, end, length, *last):
    """Aliases in a row, then the records of the last name."""
    names = [start] + [f"c{n}.test" for n in range(1, length)] + [end]
    records = [cname(x, y) for x, y in zip(names, names[1:])]
    return honest(*records, *last)


def endless(question):
    """An alias of itself."""
    return question.answer(cname(question.name, question.name))


def junk_pointer(data):
    """A PTR record with that as its name's only label."""
    return lambda question: question.answer(record(
        b"\xc0\x0c", PTR, bytes([len(data)]) + data + b"\0"))


def empty(question):
    """The name exists, but has no such record."""
    return question.answer(code=NOERROR)


def another_kind(question):
    """Only records of a kind that nobody asked for."""
    return question.answer(record(b"\xc0\x0c", 99, b"\4text"),
                           record(b"\xc0\x0c", A, b"\1\2\3"),
                           record(b"\xc0\x0c", CNAME, b""))
