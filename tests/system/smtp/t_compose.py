# SPDX-License-Identifier: ISC
"""smtpd -s and -a: what goes in as text and files comes out the same.

A message that mail readers take apart otherwise than we put it together loses
an attachment without anybody being told.
"""
import email
import email.policy
import hashlib
import os
import poplib
import random
import subprocess
import tempfile
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import unquote

from lib.scratch import BOB, LONG, Instance, tool
from lib.tap import Skip, Tap, check, equal
from lib.terminal import on_terminal

tap = Tap()
BIG = (100 if LONG else 5) * 1024 * 1024
# Extension, and the type that the other side is to see.
TYPES = {
    "html": "text/html", "txt": "text/plain", "jpg": "image/jpeg",
    "jpeg": "image/jpeg", "gif": "image/gif", "png": "image/png",
    "webp": "image/webp", "svg": "image/svg+xml", "pdf": "application/pdf",
    "zip": "application/zip", "rar": "application/vnd.rar",
    "doc": "application/msword", "xls": "application/vnd.ms-excel",
    "ppt": "application/vnd.ms-powerpoint",
    "docx": "application/vnd.openxmlformats-officedocument"
            ".wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument"
            ".spreadsheetml.sheet",
    "pptx": "application/vnd.openxmlformats-officedocument"
            ".presentationml.presentation",
    "bin": "application/octet-stream", "mp4": "video/mp4",
    "unheard-of": "application/octet-stream"}
NAMES = ["报告 2026.pdf", "😀🎉.png", 'a "quoted" name.txt', "back\\slash.txt",
         "semi;colon=equal.txt", "it's 100% done.txt", "(comment).txt",
         "=?utf-8?q?word?=.txt", "naïve résumé.doc", " blanks .txt",
         "-dash.txt", "'*.txt", "שלום עולם.txt",
         "\u202egpj.exe", "x" * 251 + ".txt", "图" * 83 + ".txt"]


def content(size, seed=1):
    """So many octets of any value, the same in each run."""
    return random.Random(seed).randbytes(size)


def run(server, *args, stdin=b"Hello.\n", status=0, env=None):
    """smtpd with these arguments; the CompletedProcess."""
    done = subprocess.run(
        [*server.command("smtpd"), *map(str, args)], input=stdin,
        capture_output=True, timeout=240, cwd=server.dir, check=False,
        env=dict(server.environment(), **(env or {})), **server.as_user())
    equal(done.returncode, status, f"smtpd {args!r:.200}: "
          + done.stderr.decode(errors="replace"))
    return done


def put(server, name, data):
    """A file in a folder of its own; its path."""
    folder = Path(tempfile.mkdtemp(dir=server.dir))
    folder.chmod(0o755)
    path = folder / name
    path.write_bytes(data)
    return path


def collect(server):
    """All messages by POP3, which are deleted; as Python's email has them."""
    pop = poplib.POP3("127.0.0.1", server.pop3, timeout=120)
    pop.user(BOB[0])
    pop.pass_(BOB[1])
    found = []
    for number in range(1, pop.stat()[0] + 1):
        lines = pop.retr(number)[1]
        found.append(email.message_from_bytes(
            b"\r\n".join(lines) + b"\r\n", policy=email.policy.default))
        pop.dele(number)
    pop.quit()
    return found


def one(server):
    """The one message that there is."""
    found = collect(server)
    equal(len(found), 1, "messages")
    return found[0]


def shape(message):
    """"mixed(plain png)": its structure."""
    name = message.get_content_subtype()
    if not message.is_multipart():
        return name
    return f"{name}({' '.join(map(shape, message.iter_parts()))})"


def octets(part):
    """What a part holds."""
    return part.get_payload(decode=True)


def lines(data):
    """Text with LF lines."""
    return data.replace(b"\r\n", b"\n")


def sent_with(server, path, option="-a"):
    """The part that a file became."""
    run(server, "-s", "a file", option, path, "bob@example.org")
    message = one(server)
    equal(shape(message).split("(")[0], "mixed", "structure")
    text, part = message.iter_parts()
    equal(lines(octets(text)), b"Hello.\n", "the text")
    return part


def defects(message):
    """What Python's email does not like, of any part."""
    return [d for part in message.walk() for d in part.defects]


def test_text(server):
    """The issue's example: text, subject, two files, several recipients"""
    png, log = put(server, "usage.png", content(3000)), \
        put(server, "log.txt", b"one\ntwo\n")
    run(server, "-s", "disk report", "-a", png, "-a", log, "bob@example.org",
        "alice@example.org", stdin=b"/dev/sda1 97%\n")
    message = one(server)
    equal(message["subject"], "disk report", "Subject")
    equal([a.addr_spec for a in message["to"].addresses],
          ["bob@example.org", "alice@example.org"], "To")
    equal(message["mime-version"], "1.0", "MIME-Version")
    equal(message["auto-submitted"], "auto-generated", "a program's mail")
    equal(shape(message), "mixed(plain png plain)", "structure")
    text, first, second = message.iter_parts()
    equal(lines(octets(text)), b"/dev/sda1 97%\n", "the text")
    equal(octets(first), content(3000), "usage.png")
    equal(octets(second), b"one\ntwo\n", "log.txt")
    equal([p.get_filename() for p in (first, second)],
          ["usage.png", "log.txt"], "names")
    equal([p.get_content_disposition() for p in (first, second)],
          ["attachment"] * 2, "dispositions")
    equal(defects(message), [], "defects")


def test_types(server):
    """Files of every listed type arrive with it, octet for octet"""
    args, expected = [], []
    for number, (extension, kind) in enumerate(TYPES.items()):
        path = put(server, f"file.{extension}", content(2000, number))
        args += ["-a", path]
        expected.append((f"file.{extension}", kind, content(2000, number)))
    run(server, "-s", "types", *args, "bob@example.org")
    parts = list(one(server).iter_parts())[1:]
    for part, (name, kind, data) in zip(parts, expected, strict=True):
        equal(part.get_content_type(), kind, name)
        equal(part.get_filename(), name, "name")
        equal(octets(part), data, name)


def test_sizes(server):
    """Files of any size, around the ends of lines and blocks"""
    sizes = [0, 1, 2, 3, 56, 57, 58, 113, 114, 115, 57 * 1024 - 1, 57 * 1024,
             57 * 1024 + 1, 64 * 1024, 2 * 57 * 1024 + 57]
    args = []
    for size in sizes:
        args += ["-a", put(server, f"{size}.bin", content(size, size))]
    run(server, "-s", "sizes", *args, "bob@example.org")
    parts = list(one(server).iter_parts())[1:]
    for part, size in zip(parts, sizes, strict=True):
        check(octets(part) == content(size, size), f"{size} octets")


def test_names(server):
    """Names in any script, with quotes, backslashes and 255 octets"""
    for name in NAMES:
        try:
            path = put(server, name, b"x")
        except OSError as error:
            tap.diag(f"no file {name!r}: {error}")
            continue
        part = sent_with(server, path)
        # Python takes blanks off both ends.
        equal(part.get_filename(), name.strip(), "name")
        equal(part.get_content_disposition(), "attachment", name)
        equal(octets(part), b"x", name)


def test_evil_names(server):
    """Line ends in names make no fields, in whatever form they arrive"""
    for name in ("a\nX-Evil: yes\n\nb.txt", "a\r\nX-Evil: yes\r\n\r\nb.txt",
                 'a"\r\n\r\n.txt', "\x01\x1b[31m.txt"):
        part = sent_with(server, put(server, name, b"x"))
        check("x-evil" not in [k.lower() for k in part.keys()], repr(name))
        equal(octets(part), b"x", name)
        check("\n" not in part.get_filename(), repr(part.get_filename()))


def test_bytes_name(server):
    """A name that is no UTF-8 arrives as some name, the file unharmed"""
    folder = os.fsencode(put(server, "x", b"x").parent)
    path = folder + b"/gr\xfcn.txt"
    Path(os.fsdecode(path)).write_bytes(b"x")
    done = subprocess.run(
        [*server.command("smtpd"), b"-s", b"x", b"-a", path,
         b"bob@example.org"], input=b"Hello.\n", capture_output=True,
        check=False, env=server.environment(), **server.as_user())
    equal(done.returncode, 0, done.stderr)
    part = list(one(server).iter_parts())[1]
    check(part.get_filename().endswith(".txt"), repr(part.get_filename()))
    equal(octets(part), b"x", "octets")


def test_big(server):
    """A big file arrives, and takes no memory to speak of"""
    path = put(server, "big.bin", b"")
    with open(path, "wb") as file:
        for number in range(BIG >> 20):
            file.write(content(1 << 20, number))
    wanted = hashlib.sha256(path.read_bytes()).digest()
    # A sanitizer needs more than any message.
    sanitized = b"__asan_init" in Path(server.program("smtpd")).read_bytes()
    limited = ["prlimit", "--data=33554432", "--"] if tool("prlimit") \
        and not sanitized else []
    done = subprocess.run(
        [*limited, *server.command("smtpd"), "-s", "big", "-a", str(path),
         "bob@example.org"], input=b"Hello.\n", capture_output=True,
        env=server.environment(), check=False, **server.as_user())
    equal(done.returncode, 0, done.stderr)
    path.unlink()
    part = list(one(server).iter_parts())[1]
    check(hashlib.sha256(octets(part)).digest() == wanted, "octets differ")


def test_subjects(server):
    """Subjects in any script, long ones, and none that makes a field"""
    for subject in ("plain", "磁盘报告 97%", "😀 " * 40, "word " * 60,
                    "naïve", "=?utf-8?q?looks_like_one?=", "שלום", "x" * 990):
        run(server, "-s", subject, "bob@example.org")
        equal(one(server)["subject"].strip(), subject.strip(), "Subject")
    for evil in ("a\nX-Evil: yes", "a\r\nX-Evil: yes", "a\r\n\r\nbody",
                 "a\rX-Evil: yes", "a\r\n.\r\nQUIT", "é\nX-Evil: yes"):
        run(server, "-s", evil, "bob@example.org")
        message = one(server)
        check("x-evil" not in [k.lower() for k in message.keys()], evil)
        equal(lines(octets(message)), b"Hello.\n", "the text")
    run(server, "-s", "x", "bob@example.org\nX-Evil: yes", status=64)
    equal(collect(server), [], "messages")


def test_bodies(server):
    """Text of any kind comes out as it was, with the right label"""
    bodies = [
        (b"plain\n", "us-ascii", "7bit"), (b"", "us-ascii", "7bit"),
        (b"no end", "us-ascii", "7bit"),
        (b".\n..\nFrom here\n", "us-ascii", None),
        ("größe\n".encode(), "utf-8", "quoted-printable"),
        ("磁盘\n".encode() * 50, "utf-8", "base64"),
        (b"a\xe4\xf6\xfc and more text than that\n", "unknown-8bit",
         "quoted-printable"),
        (b"x" * 5000 + b"\n", "us-ascii", None),
        (b"trailing \t\n blanks \n", "us-ascii", None),
        (b"--=_0\n--\n", "us-ascii", "7bit")]
    for data, charset, encoding in bodies:
        run(server, "-s", "text", "bob@example.org", stdin=data)
        message = one(server)
        equal(message.get_content_charset(), charset, repr(data[:40]))
        if encoding:
            equal(message["content-transfer-encoding"], encoding,
                  repr(data[:40]))
        equal(lines(octets(message)).rstrip(b"\n"), data.rstrip(b"\n"),
              "the text")
    run(server, "-s", "text", "bob@example.org", stdin=b"a\r\nb\n")
    equal(lines(octets(one(server))), b"a\nb\n", "mixed line ends")
    run(server, "-s", "text", "bob@example.org", stdin=b"1%\r2%\r\0\n")
    equal(lines(octets(one(server))), b"1%\r2%\r\0\n", "CR and NUL")


def test_html(server):
    """HTML beside the text, pictures in it, and files that are no part"""
    page = put(server, "page.html", "<h1>图</h1><img src=\"cid:图 1.png\">"
               "<img src='cid:%E5%9B%BE%201.png'>".encode())
    picture = put(server, "图 1.png", content(500))
    other = put(server, "other.pdf", content(700))
    run(server, "-s", "page", "--html", page, "--inline", picture, "-a", other,
        "bob@example.org")
    message = one(server)
    equal(shape(message),
          "mixed(alternative(plain related(html png)) pdf)", "structure")
    equal(defects(message), [], "defects")
    parts = [p for p in message.walk() if not p.is_multipart()]
    html, image = parts[1], parts[2]
    ident = image["content-id"].strip("<>")
    equal(octets(html).decode(), "<h1>图</h1>"
          f"<img src=\"cid:{ident}\"><img src='cid:{ident}'>", "HTML")
    equal(image.get_filename(), "图 1.png", "name")
    equal(octets(image), content(500), "the picture")
    equal(octets(parts[3]), content(700), "the other file")
    run(server, "-s", "page", "--html", page, "bob@example.org", stdin=b"")
    equal(shape(one(server)), "html", "no text, no pictures")


def test_inline(server):
    """--inline asks for being shown"""
    part = sent_with(server, put(server, "a.png", b"x"), "--inline")
    equal(part.get_content_disposition(), "inline", "disposition")
    equal(part.get_filename(), "a.png", "name")


def test_mail_as_file(server):
    """A mail is attached as one, or as octets if it must not go as it is"""
    inner = b"Subject: inner\nTo: x@example.org\n\nText.\n"
    part = sent_with(server, put(server, "mail.eml", inner))
    equal(part.get_content_type(), "message/rfc822", "type")
    equal(lines(part.get_payload(0).as_bytes()), inner, "the mail")
    inner += b"x" * 2000
    part = sent_with(server, put(server, "mail.eml", inner))
    equal(part.get_content_type(), "application/octet-stream", "type")
    equal(octets(part), inner, "the mail")


def test_pipe(server):
    """What a pipe says is attached, and so are files of /proc"""
    path = put(server, "fifo", b"")
    path.unlink()
    os.mkfifo(path)
    path.chmod(0o644)
    with subprocess.Popen(["sh", "-c", f"echo by pipe >'{path}'"]):
        equal(octets(sent_with(server, path)), b"by pipe\n", "a pipe")
    equal(octets(sent_with(server, "/proc/version")),
          Path("/proc/version").read_bytes(), "/proc/version")


def test_refused(server):
    """What cannot be read is not sent, and the exit status says so"""
    good = put(server, "good.txt", b"x")
    secret = put(server, "secret.txt", b"x")
    secret.chmod(0)
    for option in ("-a", "--inline", "--html"):
        for bad in (server.dir / "missing", server.dir, "/dev/null", secret):
            said = run(server, "-s", "x", "-a", good, option, bad,
                       "bob@example.org", status=66).stderr.decode()
            check(str(bad) in said, f"it does not say which: {said}")
    for args in (["-s"], ["-s", "x"], ["-s", "x", "-t"],
                 ["-s", "x", "--every", "1h", "bob@example.org"],
                 ["-s", "x", "--dedupe", "k", "--every", "1",
                  "bob@example.org"], ["-s", "x", "bob@"],
                 *[["-a", good] * 101 + ["bob@example.org"]]):
        run(server, *args, status=64)
    run(server, "-s", "x", "nosuchuser@example.org", status=67)
    equal(collect(server), [], "messages")


def test_no_room(server):
    """Where the message cannot be kept, nothing is sent, and it says so"""
    if not tool("prlimit"):
        raise Skip("no prlimit")
    path = put(server, "big.bin", content(1 << 20))
    for limit, status in (("--fsize=100000", 74), ("--nofile=8", 71)):
        done = subprocess.run(
            ["prlimit", limit, "--", *server.command("smtpd"), "-s", "x",
             *["-a", str(path)] * 4, "bob@example.org"], input=b"Hello.\n",
            capture_output=True, env=server.environment(), check=False,
            **server.as_user())
        check(done.returncode in (status, 73), f"{limit}: {done}")
        check(b"cannot" in done.stderr, f"{limit}: {done}")
    equal(collect(server), [], "messages")


def test_changing(server):
    """A file that shrinks and grows while it is read is not sent torn"""
    path = put(server, "log.txt", b"x" * 4096)
    writer = subprocess.Popen(
        ["sh", "-c", "while :; do truncate -s 90000000 \"$0\"; "
         "truncate -s 4096 \"$0\"; done", str(path)])
    try:
        sent = 0
        for _ in range(8):
            done = subprocess.run(
                [*server.command("smtpd"), "-s", "x", "-a", str(path),
                 "bob@example.org"], input=b"Hello.\n", capture_output=True,
                env=server.environment(), check=False, **server.as_user())
            check(done.returncode in (0, 74), done.stderr)
            sent += done.returncode == 0
    finally:
        writer.kill()
        writer.wait()
    for message in collect(server):
        size = len(octets(list(message.iter_parts())[1]))
        check(size in (4096, 90000000), f"{size} octets were sent")
        sent -= 1
    equal(sent, 0, "messages that went astray")


def test_readers(server):
    """mutt and s-nail show text and names of what was sent"""
    path = put(server, "磁盘.txt", "größe\n".encode())
    run(server, "-s", "磁盘报告", "-a", path, "bob@example.org",
        stdin="Text: größe\n".encode())
    box = server.mailbox("bob")
    shown = {}
    try:
        if tool("s-nail"):
            done = subprocess.run(
                [tool("s-nail"), "-n", "-Sv15-compat", "-Sttycharset=utf-8",
                 "-Shold", "-Rf", str(box)], input=b"headers\ntype 1\nexit\n",
                capture_output=True, timeout=60, check=False,
                env=dict(server.environment(), MAILRC="/dev/null"),
                **server.as_user())
            shown["s-nail"] = done.stdout.decode(errors="replace")
        if tool("mutt"):
            rc = server.dir / "muttrc-show"
            rc.write_text(
                "set wait_key=no quit=yes charset=utf-8 sleep_time=0 move=no\n"
                f'set folder="{server.dir}" tmpdir="{server.dir}"\n')
            shown["mutt"] = on_terminal(
                [tool("mutt"), "-n", "-R", "-F", str(rc), "-f", str(box)],
                [("磁盘报告", "\n"), ("Text: ", "v"), ("磁盘.txt", "qqq")],
                cwd=server.dir, env=dict(server.environment(), TERM="vt100"),
                **server.as_user())[0].decode(errors="replace")
    finally:
        collect(server)     # also when there is no terminal
    if not shown:
        raise Skip("no mutt and no s-nail")
    for reader, text in shown.items():
        # s-nail shows the field as it is, and takes it apart for `write`.
        text = unquote(text)
        for wanted in ("磁盘报告", "Text: größe", "磁盘.txt"):
            check(wanted in text, f"{reader} shows no {wanted}: {text!r}")


def test_terminal(server):
    """Whoever types the text is told how to end it"""
    said, status = on_terminal(
        [*server.command("smtpd"), "-s", "typed", "bob@example.org"],
        [("Control-D", "Typed.\n\4")], cwd=server.dir,
        env=server.environment(), **server.as_user())
    equal(status, 0, said)
    message = one(server)
    equal(lines(octets(message)), b"Typed.\n", "the text")
    equal(message["auto-submitted"], None, "a person's mail")


def test_python_by_smtp(server):
    """EmailMessage.add_attachment by SMTP: every type and name returns"""
    message = EmailMessage()
    message["Subject"], message["To"] = "Grüße 😀", "bob@example.org"
    message["From"] = "carol@example.com"
    message.set_content("Text: größe\n")
    # Python itself takes the one with "=?" for an encoded word.
    names = [name.strip() for name in NAMES if "=?" not in name] \
        + ["图" * 300 + ".txt", "y" * 300 + ".bin"]
    for number, name in enumerate(names):
        kind = list(TYPES.values())[number % len(TYPES)].split("/")
        message.add_attachment(content(1000, number), kind[0], kind[1],
                               filename=name)
    with server.connect(server.smtp) as talker:
        talker.hello()
        talker.submit("carol@example.com", ["bob@example.org"],
                      message.as_bytes(policy=email.policy.SMTP))
    parts = list(one(server).iter_parts())[1:]
    for number, (part, name) in enumerate(zip(parts, names, strict=True)):
        equal(part.get_filename(), name, "name")
        check(octets(part) == content(1000, number), name)


def test_swaks(server):
    """swaks --attach: the file returns as it was"""
    if not tool("swaks"):
        raise Skip("swaks is not there (Debian package swaks)")
    for size in (0, 1, 57, 100000):
        path = put(server, f"{size}.png", content(size))
        done = subprocess.run(
            [tool("swaks"), "--server", f"127.0.0.1:{server.smtp}", "--from",
             "carol@example.com", "--to", "bob@example.org", "--attach-type",
             "image/png", "--attach", f"@{path}"], capture_output=True,
            timeout=60, check=False)
        equal(done.returncode, 0, done.stdout + done.stderr)
        part = list(one(server).iter_parts())[-1]
        check(octets(part) == content(size), f"{size} octets")


if __name__ == "__main__":
    with Instance("size-limit 250000000", tls=False) as fixture:
        tap.run(globals(), fixture)
    tap.finish()
