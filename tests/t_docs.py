# SPDX-License-Identifier: ISC
"""README and the pages of doc/: short, with links that lead somewhere, and
with nothing in them that does not work.

Every command of a page is run, in the order of the page, on a machine of which
nothing remains: in namespaces, with copies of /etc, /usr, /var and the like in
memory, where this build is installed.  Programs that need the network or a
booted system have stand-ins (lib/stand_ins.py).  That needs root.  Lines of
configuration are parsed, also without root, and the log lines that a page
explains must be in the sources.
"""
import mailbox
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from lib import documents, dovecot, peers
from lib.namespace import again
from lib.scratch import AM_ROOT, BUILD, SRC, make_value, tool
from lib.stand_ins import make_stand_ins
from lib.tap import Skip, Tap, check, equal

tap = Tap()
README_LINES, PAGE_LINES = 150, 130
PASSWORD = "kiln apron velvet owl"
INSIDE = ["unshare", "--mount", "--net", "--pid", "--uts", "--fork",
          "--kill-child", "--mount-proc", "--propagation", "private",
          # A shell as the first process: it reaps orphans.
          "sh", "-c", '"$@"; exit $?', "sh"]
COVERED = ("etc", "usr", "var", "run", "root", "home", "srv")
# These pages begin where nothing is set up.
FRESH = ("README", "doc/by-hand.md", "doc/first-server.md",
         "doc/smarthost.md")
UNITS = "/usr/lib/systemd/system"
PLACES = {"conf": "/etc/restante/restante.conf", "aliases": "/etc/aliases"}
# How a command may end, if not by 0: the namespace has no DNS and no world.
ENDS = [(r"smtpd .*--check", (0, 1, 2, 75)), (r"smtpd -b[tv]", (0, 75)),
        (r"smtpd --setup", (0, 1)), (r"smtpd --dns", (0, 1)),
        (r"smtpd --dkim .*--rotate", (0, 75)), (r"smtpd -q", (0, 75)),
        (r"pop3d --(undelete|deleted|last-login)", (0, 65, 67)),
        (r"curl .*old\.example\.net", (0, 6)),
        (r"smtpd --reports", (0, 65, 66))]


def none(findings):
    """There must be no findings."""
    check(not findings, "\n" + "\n".join(findings[:30]))


# ---- what can be seen without running anything ------------------------------

def test_short():
    """README has at most 150 lines, a page at most two screens"""
    found = []
    for page in documents.pages():
        most = README_LINES if page.name.startswith("README") else PAGE_LINES
        if len(page.lines) > most:
            found.append(f"{page.name}: {len(page.lines)} lines")
    none(found)


def test_kinds():
    """Each block of code says what it is"""
    none([f"{block}: what is {block.kind or 'this'!r}?"
          for page in documents.pages() for block in page.blocks
          if block.kind not in documents.KINDS])


def test_links():
    """Every link leads to a file, and every anchor to a heading"""
    pages = {p.path.resolve(): p for p in documents.pages()}
    found = []
    for page in pages.values():
        for number, line in page.prose():
            for target in re.findall(r"\]\(([^)\s]+)\)", line):
                path, _, anchor = target.partition("#")
                if re.match(r"https?:|mailto:", target):
                    continue
                to = (page.path.parent / path).resolve() if path \
                    else page.path.resolve()
                if not to.exists() or anchor and to in pages \
                        and anchor not in pages[to].anchors():
                    found.append(f"{page.name}:{number}: {target}")
    none(found)


def test_linked():
    """Every page of doc/ is linked from README, and is installed"""
    text = (SRC / "README.md").read_text()
    none([p.name for p in documents.pages()
          if p.name != "README.md" and f"({p.name})" not in text])
    text = (SRC / "Makefile.am").read_text().split()
    none([f"{p.name} is not in Makefile.am" for p in documents.pages()
          if p.name not in text])


def test_named():
    """Pages, and their parts, that the programs name exist"""
    pages = {p.name: p.text for p in documents.pages()}
    named = [(path.name, *found) for path in sorted(SRC.glob("smtpd/**/*.c"))
             for found in re.findall(r"\b(doc/[\w-]+\.md)(?:, part (\d+))?",
                                     path.read_text())]
    check(named, "none is named")
    none([f"{source}: {name}, part {part}" for source, name, part in named
          if name not in pages or part and not re.search(
              rf"^## {part}\. ", pages[name], re.M)])


def test_scale():
    """The table of many users is what the model says"""
    said = subprocess.run([SRC / "tests/bench/model"], capture_output=True,
                          text=True, check=True).stdout
    check(len(said.splitlines()) > 5, said)
    check(said in (SRC / "doc/scale.md").read_text(), said)


def test_manual_pages():
    """Manual pages that a page names exist"""
    named = re.compile(r"`?\b((?:restante|smtpd|pop3d)[\w.-]*)\((\d)\)")
    none([f"{page.name}:{number}: {name}({section})"
          for page in documents.pages()
          for number, line in page.prose()
          for name, section in named.findall(line)
          if not (SRC / f"man/{name}.{section}.in").exists()])


def test_configuration():
    """Lines for restante.conf are understood"""
    found = []
    for page in documents.pages():
        for block in page.of("conf"):
            with tempfile.TemporaryDirectory() as folder:
                conf = Path(folder, "restante.conf")
                conf.write_text(block.text)
                Path(folder, "users").touch()
                done = subprocess.run(
                    [BUILD / "smtpd/smtpd", "-c", conf, "--users"],
                    capture_output=True, text=True, check=False)
            if done.returncode == 78:
                found.append(f"{block}: {done.stderr}")
    none(found)


def providers():
    """(provider, host, port) for each port in the table that has a mark."""
    for line in (SRC / "doc/smarthost.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) == 5 and "✓" in cells[1]:
            *hosts, ports = re.split(r", (?=[\w.-]+\.[a-z]+,|\d)", cells[1])
            for host in ", ".join(hosts).split(", "):
                for port in re.findall(r"(\d+) ✓", ports):
                    yield cells[0], host.replace("REGION", "eu-1"), port


def test_providers():
    """Each provider is reached at its port, with TLS that is verified"""
    found, seen = [], 0
    for provider, host, port in providers():
        seen += 1
        begin, end = ("smtps", "") if port == "465" else ("smtp", f":{port}")
        with tempfile.TemporaryDirectory() as folder:
            conf = Path(folder, "restante.conf")
            conf.write_text("resolver 127.0.0.1:1\n"
                            f"relay {begin}://a%40b.example@{host}{end}\n")
            said = subprocess.run(
                [BUILD / "smtpd/smtpd", "-c", conf, "-bt", "x@example.com"],
                capture_output=True, text=True, check=False).stdout
        if f"@{host}:{port}?tls=verify" not in said or \
                ("from the first octet on" in said) != (port == "465"):
            found.append(f"{provider}: {said}")
    check(seen > 20, f"only {seen} providers found")
    none(found)


def test_known_providers():
    """The providers that --setup knows are in the table"""
    table = (SRC / "doc/smarthost.md").read_text()
    path = SRC / "smtpd/admin/setup_providers.c"
    known = set(re.findall(r'\{ "[\w.]+", "smtps?", "([\w.-]+)',
                           path.read_text()))
    known |= set(re.findall(r'(?m)^\t"([\w.-]+)",$', path.read_text()))
    check(len(known) > 9, f"only {known} found in {path}")
    none(sorted(host for host in known if host not in table))


def test_chinese():
    """Chinese: blanks before and after Latin words, wide punctuation, and the
    reader is not an official"""
    wide = "[\u4e00-\u9fff]"
    found = []
    for number, line in documents.Page(SRC / "README.zh-CN.md").prose():
        text = re.sub(r"`[^`]*`", "`x`", line)
        if re.search(f"{wide}[A-Za-z0-9`]|[A-Za-z0-9`]{wide}"
                     f"|{wide}[,.;:!?()]|[,;:!?()]{wide}|您", text):
            found.append(f"README.zh-CN.md:{number}: {line}")
    none(found)


def test_shell():
    """A shell can read every command"""
    found = []
    for page in documents.pages():
        for block in page.of(documents.RUN):
            done = subprocess.run(["sh", "-n"], input=block.text, text=True,
                                  capture_output=True, check=False)
            if done.returncode != 0:
                found.append(f"{block}: {done.stderr}")
            elif not block.text.startswith("#!"):
                list(documents.commands(block))
    none(found)


def test_yaml():
    """The files of compose are YAML"""
    import yaml
    for page in documents.pages():
        for block in page.of("yaml"):
            check(yaml.safe_load(block.text)["services"], str(block))


def test_dovecot():
    """Dovecot understands the settings for its version"""
    program = peers.find("doveconf", "dovecot-core")
    blocks = documents.Page(SRC / "doc/imap.md").of("dovecot")
    # In pairs: for 2.4, and for 2.3.
    new = dovecot.version() >= (2, 4)
    check(blocks and len(blocks) % 2 == 0, "a form is missing")
    own = "".join(b.text for b in blocks[not new::2])
    with tempfile.TemporaryDirectory() as folder:
        conf = Path(folder, "dovecot.conf")
        # Debian's own file begins like this.
        begin = "dovecot_config_version = 2.4.0\n" \
            "dovecot_storage_version = 2.4.0\n"
        conf.write_text((begin if new else "") + "ssl = no\n"
                        "default_login_user = nobody\n"
                        "default_internal_user = nobody\n"
                        f"mail_plugin_dir = {dovecot.libraries()}/modules\n"
                        + own)
        done = subprocess.run(
            [*dovecot.installed(), program, "-c", conf, "-n"],
            capture_output=True, text=True, check=False, env=dict(
                os.environ, LD_LIBRARY_PATH=dovecot.libraries()))
    equal(done.returncode, 0, done.stderr)


def test_units():
    """systemd understands the units"""
    if not tool("systemd-analyze"):
        raise Skip("no systemd-analyze")
    for page in documents.pages():
        for block in page.of("ini"):
            if "[Service]" not in block.text:
                continue
            with tempfile.TemporaryDirectory() as folder:
                unit = Path(folder, "page@.service")
                unit.write_text(block.text)
                done = subprocess.run(
                    ["systemd-analyze", "verify", unit], text=True,
                    capture_output=True, check=False)
            bad = [line for line in done.stderr.splitlines()
                   if "page@" in line and "not executable" not in line]
            none([f"{block}: {line}" for line in bad])


def sources():
    """All the strings of the programs, in one text."""
    text = ""
    for folder in ("common", "spool", "smtpd", "pop3d"):
        for path in sorted((SRC / folder).rglob("*.[ch]")):
            text += re.sub(r'"\s*\n\s*"', "", path.read_text())
    return re.sub(r"\s+", " ", text.replace('\\"', '"'))


def is_said(message, text):
    """Whether the programs say this. A reply is a row of a table: its code,
    its enhanced code, its text."""
    reply = re.match(r"(\d{3}) (\d\.\d+\.\d+) (.*)", message)
    words = reply[3] if reply else message
    parts = [p for p in re.split(r"\s*\.\.\.\s*", words) if p]
    if not reply:
        return all(part in text for part in parts)
    begin = rf'{reply[1]}, "{reply[2]}", "[^"]*'
    return re.search(begin + '[^"]*'.join(map(re.escape, parts)), text)


def test_messages():
    """What troubleshooting explains is what the programs say: the left column
    has parts of their strings, with ... for what varies"""
    text = sources()
    found, seen = [], 0
    for name in ("doc/troubleshooting.md", "README.zh-CN.md"):
        page = documents.Page(SRC / name)
        for number, line in page.prose():
            if not line.startswith("| `"):
                continue
            for message in re.findall(r"`([^`]+)`", line.split(" | ")[0]):
                seen += 1
                if not is_said(message, text):
                    found.append(f"{name}:{number}: {message}")
    check(seen > 20, f"only {seen} messages found")
    none(found)


# ---- and by running it -------------------------------------------------------

def run(*words, **more):
    """A command that has to work."""
    return subprocess.run([str(w) for w in words], check=True, text=True,
                          **more)


def install(top):
    """Installs the build below a folder."""
    quiet = {k: v for k, v in os.environ.items() if "MAKE" not in k}
    for target in ("install", "install-mta"):
        done = subprocess.run(
            ["make", "-s", "-C", BUILD, f"DESTDIR={top}", target,
             "prefix=/usr/local", f"sysconfdir={make_value('sysconfdir')}",
             f"systemdsystemunitdir={UNITS}"],
            capture_output=True, text=True, check=False, env=quiet)
        equal(done.returncode, 0, done.stdout + done.stderr)


def cover(work):
    """Copies in memory of the machine's folders, with the installation in
    them.  Raises Skip where that is not possible."""
    layers = work / "layers"
    layers.mkdir()
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", layers)
    for name in COVERED:
        top, place = layers / name, Path("/", name)
        for part in ("upper", "work"):
            (top / part).mkdir(parents=True)
        shutil.copystat(place, top / "upper")
        made = work / "installed" / name
        lower = f"{made}:{place}" if made.is_dir() else place
        done = subprocess.run(
            ["mount", "-t", "overlay", "overlay", "-o",
             f"lowerdir={lower},upperdir={top}/upper,workdir={top}/work",
             place], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Skip(f"no overlay over {place}: {done.stderr.strip()}")


def machine(work):
    """Makes the machine: a name, an address, nothing set up."""
    run("ip", "link", "set", "lo", "up")
    run("hostname", "mail.example.org")
    for place in ("/var/mail", "/var/spool/restante", "/var/lib/restante",
                  "/run/restante", "/root/restante"):
        shutil.rmtree(place, ignore_errors=True)
    etc = Path(make_value("sysconfdir"))
    for place in (etc / "restante", Path("/etc/restante")):
        shutil.rmtree(place, ignore_errors=True)    # of a live installation
    if etc != Path("/etc"):     # as the pages say it is configured
        shutil.rmtree(etc)
        etc.symlink_to("/etc")
    shutil.copytree(work / "installed" / etc.relative_to("/"), "/etc",
                    dirs_exist_ok=True)
    Path("/etc/aliases").unlink(missing_ok=True)
    Path("/etc/aliases").write_text("")
    Path("/etc/mailname").write_text("mail.example.org\n")
    Path("/etc/hosts").write_text(
        "127.0.0.1 localhost\n127.0.0.1 mail.example.org smtp.example.net\n")
    Path("/var/mail").mkdir()
    shutil.chown("/var/mail", "root", "mail")
    Path("/var/mail").chmod(0o2775)
    Path("/run/systemd/system").mkdir(parents=True, exist_ok=True)
    for name in ("_restante", "_restante-mail"):
        subprocess.run(["userdel", name], capture_output=True, check=False)
    for name in ("alice", "bob"):
        subprocess.run(["userdel", name], capture_output=True, check=False)
    desk = make_stand_ins(work / "bin", BUILD, SRC, work, UNITS)
    os.environ["PATH"] = f"{work}/bin:/usr/local/sbin:/usr/local/bin:" \
        + "/usr/sbin:/usr/bin:/sbin:/bin"
    os.environ["HOME"] = "/root"
    for name in ("message.txt", "usage.png", "report.pdf", "log.txt"):
        (desk / name).write_text("Subject: test\n\nhello\n")
    move_from(desk)
    return desk


def move_from(desk):
    """Mail of an old server."""
    old = Path("/srv/old")
    (old / "alice").mkdir(parents=True)
    mailbox.Maildir(old / "alice/Maildir").add("Subject: moved\n\nhello\n")
    for path in (old / "alice/archive.mbox", old / "bob.mbox"):
        box = mailbox.mbox(path)
        box.add("Subject: moved, too\n\nhello\n")
        box.close()
    (desk / "bob.uidls").write_text("1 UID7-1234567890\n")


def settle(desk):
    """What a page finds where mail is set up: users and servers."""
    run("smtpd", "--setup", "--yes", "alice@example.org", cwd=desk,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    for name in ("alice", "bob"):
        run("smtpd", "--passwd", name, cwd=desk, input=PASSWORD + "\n",
            stdout=subprocess.DEVNULL)
    run("smtpd", "--dkim", "example.org", stdout=subprocess.DEVNULL)


def failures(results, said):
    """Commands that have ended as they should not."""
    lines = {}
    for page in documents.pages():
        for number, line in enumerate(page.lines, 1):
            lines[f"{page.name}:{number}"] = line
    for result in results.splitlines():
        where, status = result.split()
        line = lines[where]
        good = next((ends for begin, ends in ENDS
                     if re.search(begin, line)), (0,))
        if int(status) not in good:
            yield f"{where}: {line.strip()} ended with {status}: {said}"


def play(name, work):
    """Runs all commands of a page, in namespaces of their own."""
    page = next(p for p in documents.pages() if p.name == name)
    cover(work)
    desk = machine(work)
    if not name.startswith(FRESH):
        settle(desk)
    (work / "answers").write_text(f"{PASSWORD}\n")
    text = documents.script(page.blocks, work / "answers", PASSWORD, PLACES)
    (work / "script").write_text(text)
    with open(work / "results", "wb") as results, \
            open(work / "said", "wb") as said:
        done = subprocess.run(
            # Without a terminal, passwords are read from the answers.
            ["setsid", "-w", "sh", "-c", 'exec 3>&1 >&2; . "$1"', "sh",
             work / "script"],
            stdin=subprocess.DEVNULL, stdout=results, stderr=said, cwd=desk,
            timeout=600, check=False)
    said = (work / "said").read_text(errors="replace")
    results = (work / "results").read_text()
    none(list(failures(results, said[-1500:])))
    equal(len(results.splitlines()), text.count(">&3\n"),
          f"commands run, of which the last ended with {done.returncode}: "
          f"{said[-1500:]}")


def cases_commands():
    """Every command of every page works"""
    if not AM_ROOT:
        raise Skip("namespaces and /etc need root")
    for program in ("unshare", "ip", "make", "useradd", "mount", "openssl"):
        if not tool(program):
            raise Skip(f"{program} is not there")
    with tempfile.TemporaryDirectory(prefix="restante-test-") as top:
        install(Path(top, "installed"))
        for page in documents.pages():
            if not page.of(documents.RUN) + page.of(documents.PYTHON):
                continue
            work = Path(top, re.sub(r"\W", "-", page.name))
            work.mkdir(mode=0o755)
            (work / "installed").symlink_to(Path(top, "installed"))
            with tap.case(f"the commands of {page.name}", table=True):
                again(tap, f"{page.name}={work}", timeout=900, command=INSIDE)


def inside(argument):
    """The results of one page."""
    name, _, work = argument.partition("=")
    with tap.case(f"the commands of {name}"):
        play(name, Path(work))
    tap.finish()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        inside(sys.argv[1])
    tap.run(globals())
    tap.finish()
