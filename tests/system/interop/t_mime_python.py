# SPDX-License-Identifier: ISC
"""The MIME library beside Python's email package, in both directions.

Generated from a seed: what one of them writes the other must read as the same,
and a message cut or spoilt anywhere must have the same parts for both.
"""
import base64
import binascii
import email.utils
import random
import subprocess
from email import message_from_bytes, message_from_string, policy
from email.header import decode_header, make_header
from email.message import EmailMessage

from lib.scratch import BUILD, LONG
from lib.tap import Tap, check, equal

tap = Tap()
ROUNDS = 3000 if LONG else 300
STEPS = (1, 2, 3, 7, 100, 1000000)
PIECES = ["a", "b", " ", "é", "漢", "😀", '"', "\\", "'", "%", "*", "(", ")",
          ";", ",", "=", "?", "=?", "?=", ".txt", "/", "_", "word ", "  "]


class Probe:
    """tests/lib/mime-probe: a question a line."""

    def __init__(self):
        self.process = subprocess.Popen(
            [BUILD / "tests/lib/mime-probe"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)

    def lines(self, what, data, number=1000000, second=b""):
        """The answer, line by line."""
        self.process.stdin.write(
            f"{what} {number} {data.hex()} {second.hex()}\n")
        self.process.stdin.flush()
        answer = []
        while (line := self.process.stdout.readline()) != ".\n":
            check(line, f"the probe ended at {what} {data!r}")
            answer.append(line.rstrip("\n"))
        return answer

    def ask(self, what, data, number=1000000, second=b""):
        """The octets of an answer that is one line; None: there are none."""
        line = self.lines(what, data, number, second)[0]
        return None if line == "none" else bytes.fromhex(line)

    def close(self):
        """Ends it; it must have been content."""
        self.process.stdin.close()
        equal(self.process.wait(timeout=60), 0, "exit status of the probe")
        self.process.stdout.close()


def text(rng, most):
    """Some text of pieces that are easy to get wrong."""
    return "".join(rng.choice(PIECES) for _ in range(rng.randrange(1, most)))


def short_lines(value, column=0):
    """No line of a field may be longer than 76, or be blank."""
    lines = (" " * column + value).split("\n")
    check(all(len(line) <= 76 for line in lines), f"long: {value!r}")
    check(all(line[0] == " " and line.strip() for line in lines[1:]),
          f"blank: {value!r}")


def test_base64(probe):
    """base64: the same lines as Python's, and back, in pieces"""
    rng = random.Random(1)
    for _ in range(ROUNDS):
        data = rng.randbytes(rng.choice([0, 1, 2, 3, 56, 57, 58, 114, 3000]))
        step = rng.choice(STEPS)
        code = probe.ask("base64-encode", data, step)
        equal(code, base64.encodebytes(data), "code")
        equal(probe.ask("base64-decode", code, step), data, "data")
        spoilt = bytearray(code)
        for _ in range(rng.randrange(4)):
            spoilt.insert(rng.randrange(len(spoilt) + 1), rng.choice(b"!\n -"))
        equal(probe.ask("base64-decode", bytes(spoilt), step), data, "lenient")


def test_quoted_printable(probe):
    """quoted-printable: Python reads it, and we what Python writes"""
    rng = random.Random(2)
    for _ in range(ROUNDS):
        data = bytes(rng.choice(b"ab =\t\r\n.F\xc3From")
                     for _ in range(rng.choice([0, 1, 2, 77, 300, 2000])))
        step = rng.choice(STEPS)
        for kind in ("qp-encode", "qp-encode-crlf", "qp-encode-binary"):
            code = probe.ask(kind, data, step)
            want = data
            if "binary" not in kind:
                want = want.replace(b"\r\n", b"\n")
            if "crlf" in kind:
                want = want.replace(b"\n", b"\r\n")
            equal(code, probe.ask(kind, data, 1), "code in steps")
            for line in code.split(b"\n"):
                line = line.rstrip(b"\r")
                check(len(line) <= 76 and line[-1:] not in b" \t" or not line,
                      f"line {line!r}")
                check(not line.startswith((b"From ", b".")), f"line {line!r}")
            equal(probe.ask("qp-decode", code, step), want, "data")
            equal(binascii.a2b_qp(code), want, "Python's data")
        code = binascii.b2a_qp(data, istext=False)
        equal(probe.ask("qp-decode", code, step), data, "Python's code")


def test_words(probe):
    """Encoded words: as Python reads and writes them"""
    rng = random.Random(3)
    for _ in range(ROUNDS):
        value = text(rng, 60)
        code = probe.ask("word_text", value.encode(), 9).decode()
        short_lines(code, 9)
        equal(probe.ask("word_decode", code.encode()).decode(), value, code)
        unfolded = code.replace("\n", "")
        equal(str(make_header(decode_header(unfolded))), value, unfolded)
        message = EmailMessage()
        try:
            message["Subject"] = value
            theirs = message.as_bytes().split(b"\n\n")[0][8:]
        except (ValueError, IndexError, binascii.Error):
            continue  # Python stumbles over some of these itself
        back = message_from_bytes(b"Subject:" + theirs + b"\n\n",
                                  policy=policy.default)["Subject"]
        if back == value and "=?" not in value and value.isascii():
            equal(probe.ask("word_decode", theirs).decode(), value.strip(),
                  theirs)


def test_charsets(probe):
    """Words in the charsets of the world mean what Python says"""
    rng = random.Random(4)
    for charset, sample in (
            ("iso-8859-1", "àéîöü ÿ"), ("windows-1252", "€ „x“ …"),
            ("iso-8859-15", "€ œ"), ("koi8-r", "почта"), ("big5", "郵件"),
            ("windows-1251", "почта"), ("gb18030", "邮件"),
            ("euc-kr", "우편"), ("shift_jis", "郵便"), ("utf-16", "a漢😀"),
            ("iso-2022-jp", "郵便 メール"), ("utf-7", "é漢")):
        for _ in range(10):
            value = "".join(rng.choices(sample, k=rng.randrange(1, 12)))
            value = "x" + value + "y"
            coded = base64.b64encode(value.encode(charset)).decode()
            word = f"=?{charset}?b?{coded}?=".encode()
            equal(probe.ask("word_decode", word).decode(), value, word)


def test_file_names(probe):
    """File names: Python reads ours, and we Python's"""
    rng = random.Random(5)
    for _ in range(ROUNDS):
        name = text(rng, rng.choice([3, 10, 40, 150])).strip() or "x"
        ours = probe.ask("param_encode", name.encode(), 0, b"filename")
        words = probe.ask("param_words", name.encode(), 0, b"name")
        short_lines(ours.decode())
        short_lines(words.decode())
        for rules in (policy.default, policy.compat32):
            message = message_from_string(
                f"Content-Type: application/x{words.decode()}\n"
                f"Content-Disposition: attachment{ours.decode()}\n\n",
                policy=rules)
            equal(message.get_filename(), name, "Python's of " + repr(ours))
        equal(probe.ask("param_text", b"attachment" + ours, 0, b"filename")
              .decode(), name, "ours of " + repr(ours))
        equal(probe.ask("param_text", b"application/x" + words, 0, b"name")
              .decode(), name, "ours of " + repr(words))
        message = EmailMessage()
        message.add_header("Content-Disposition", "attachment", filename=name)
        theirs = message.as_bytes().split(b"\n\n")[0].split(b":", 1)[1]
        equal(probe.ask("param_text", theirs, 0, b"filename").decode(), name,
              "ours of " + repr(theirs))


def test_addresses(probe):
    """Addresses: lists that Python writes, names that it reads"""
    rng = random.Random(6)
    for _ in range(ROUNDS):
        pairs = [(text(rng, 12).strip(), f"u{i}@example.org")
                 for i in range(rng.randrange(1, 5))]
        theirs = ",\r\n ".join(email.utils.formataddr(p) for p in pairs)
        answer = probe.lines("addresses", theirs.encode())
        seen = [(bytes.fromhex(answer[i + 1]).decode(),
                 bytes.fromhex(answer[i].split(" ")[2]).decode())
                for i in range(0, len(answer), 2)]
        equal(seen, pairs, theirs)
        name = pairs[0][0]
        ours = probe.ask("mailbox", name.encode(), 4, b"a@b").decode()
        short_lines(ours, 4)
        parsed = email.utils.parseaddr(ours.replace("\n", ""))
        equal(parsed[1], "a@b", ours)
        equal(str(make_header(decode_header(parsed[0]))), name, ours)


def generated(rng, depth=0):
    """A message with parts, attachments and messages in it."""
    message = EmailMessage()
    message["Subject"] = text(rng, 10)
    words = ["hello", "é", "漢字 ", "From ", "--", "--b", "\n", ".", "x" * 200]
    body = "".join(rng.choice(words) for _ in range(rng.randrange(30)))
    message.set_content(body + "\n", cte=rng.choice(
        ["8bit", "quoted-printable", "base64"]))
    if rng.random() < .5:
        message.add_alternative("<p>" + body, subtype="html")
    for _ in range(rng.randrange(3)):
        message.add_attachment(
            rng.randbytes(rng.randrange(300)), maintype="application",
            subtype="octet-stream", filename="f" + text(rng, 20))
    if depth < 3 and rng.random() < .4:
        message.add_attachment(generated(rng, depth + 1), cte="8bit")
    return message


def parts(probe, raw, step):
    """The events of a walk, neighbours of one kind joined."""
    events = []
    for line in probe.lines("walk", raw, step)[:-1]:
        event = line.split(" ")
        data = bytes.fromhex(event.pop())
        last = events[-1] if events else None
        if event[0] in ("body", "around") and last and last[0] == event:
            last[1] += data
        else:
            events.append([event, data])
    equal(b"".join(data for _, data in events), raw, "a copy")
    return events


def test_messages(probe):
    """Messages in parts: the parts that Python sees, octet for octet"""
    rng = random.Random(7)
    for turn in range(ROUNDS // 2):
        raw = generated(rng).as_bytes(
            policy=policy.SMTP if turn % 2 else policy.default)
        if turn % 3 == 1:
            raw = raw[:rng.randrange(len(raw) + 1)]
        if turn % 3 == 2:
            at = rng.randrange(len(raw) + 1)
            raw = raw[:at] + rng.choice([b"\n", b"\r\n", b"\n--\n", b"--"]) \
                + raw[at:]
        whole = parts(probe, raw, STEPS[-1])
        for step in STEPS[:-1]:
            equal(parts(probe, raw, step), whole, f"events in steps of {step}")
        ours = [event[3] for event, _ in whole if event[0] == "header"]
        theirs = list(message_from_bytes(raw, policy=policy.default).walk())
        equal(ours, [part.get_content_type() for part in theirs], "types")
        if turn % 3 == 0:
            same_bodies(probe, whole, theirs)


def same_bodies(probe, events, theirs):
    """Decoded bodies must be those of Python's."""
    decoders = {"3": "qp-decode", "4": "base64-decode"}
    bodies = {}
    for event, data in events:
        if event[0] in ("header", "body"):
            kind, old = bodies.get(event[2], (event[5], b""))
            bodies[event[2]] = (kind, old + data * (event[0] == "body"))
    for number, part in enumerate(theirs):
        if part.is_multipart():
            continue
        kind, data = bodies[str(number)]
        if kind in decoders:
            data = probe.ask(decoders[kind], data)
        equal(data, part.get_payload(decode=True), f"body {number}")


if __name__ == "__main__":
    PROBE = Probe()
    tap.run(globals(), PROBE)
    PROBE.close()
    tap.finish()
