# SPDX-License-Identifier: ISC
"""The manual: it is well formed, it has every key, option and log line that
there is, and no others."""
import re
import subprocess
import tempfile
from pathlib import Path

from lib.scratch import BUILD, SRC, tool
from lib.tap import Skip, Tap, check

tap = Tap()
FOLDERS = ("common", "spool", "smtpd", "pop3d", "pam")


def sources():
    """The C files of the programs, without tests."""
    return sorted(p for f in FOLDERS for p in (SRC / f).rglob("*.c"))


def name(path):
    """A path as people say it."""
    return str(path.relative_to(SRC))


def none(findings):
    """There must be no findings."""
    findings = list(findings)
    check(not findings, "\n" + "\n".join(findings[:30]))


def pages():
    """The manual pages by name: as the build made them, or their sources."""
    found = {path.name.removesuffix(".in"): path
             for path in sorted((SRC / "man").glob("*.[1-8].in"))}
    for root in (SRC, BUILD):
        for path in sorted((root / "man").glob("*.[1-8]")):
            found[path.name] = path
    check(found, "no manual pages found")
    return found


def test_manual():
    """mandoc finds nothing to complain about; that a page of another program
    is not installed here is no fault"""
    if not tool("mandoc"):
        raise Skip("no mandoc")
    bad = []
    absent = re.compile(r"STYLE: referenced manual not found: Xr (\S+) (\d)")
    for path in pages().values():
        done = subprocess.run(
            ["mandoc", "-T", "lint", "-W", "style", str(path)],
            capture_output=True, text=True, check=False)
        for line in done.stdout.splitlines():
            other = absent.search(line)
            ours = other and re.match("restante|smtpd|pop3d", other[1])
            if not other or ours and f"{other[1]}.{other[2]}" not in pages():
                bad.append(line)
    none(bad)


def test_manual_has_no_holes():
    """No @substitution@ is left in a manual page that the build made"""
    built = {page: path for page, path in pages().items()
             if path.suffix != ".in"}
    if not built:
        raise Skip("the build has made no manual pages")
    none([f"{page}: {hole}" for page, path in built.items()
          for hole in re.findall(r"@\w+@", path.read_text())])


def test_keys_documented():
    """Every config key is in restante.conf(5), with its default and an
    example"""
    config = (SRC / "common/config/config.c").read_text()
    keys = re.findall(r'^\t\{ "([a-z-]+)",', config, re.M)
    check(len(keys) >= 15, f"only {keys} found in common/config/config.c")
    page = pages()["restante.conf.5"].read_text()
    none([f"{key} is not documented" for key in keys
          if not re.search(rf"^\.It Cm {re.escape(key)}\b", page, re.M)])
    entries = dict(key_entries(page, keys))
    none([f"{key}: no \"Default:\"" for key, text in entries.items()
          if not re.search(r"^Default\b.*:", text, re.M)])
    none([f"{key}: no example" for key, text in entries.items()
          if not re.search(rf"^\.Dl {re.escape(key)} ", text, re.M)])


def key_entries(page, keys):
    """(key, its text) of all entries; keys that are explained together share
    a text."""
    waiting, lines = [], []
    for line in page.splitlines():
        item = re.match(r"\.It Cm ([a-z-]+)\b", line)
        item = item if item and item[1] in keys else None
        if (item or line.startswith(".Sh ")) and any(
                not other.startswith(".It ") for other in lines):
            yield from ((key, "\n".join(lines)) for key in waiting)
            waiting, lines = [], []
        if item:
            waiting.append(item[1])
        lines += [line] if waiting else []


def understood(text):
    """What smtpd says about a configuration file that it rejects, or ""."""
    with tempfile.TemporaryDirectory() as folder:
        conf = Path(folder, "restante.conf")
        Path(folder, "users").touch()
        conf.write_text(text)
        done = subprocess.run(
            [BUILD / "smtpd/smtpd", "-c", conf, "--users"],
            capture_output=True, text=True, check=False)
    return f"{text}: {done.stderr}" if done.returncode == 78 else ""


def test_key_examples():
    """Every example of a key in restante.conf(5) is understood"""
    page = pages()["restante.conf.5"].read_text()
    page = page.replace("@sysconfdir@", "/etc")
    page = page[page.index(".Ss Names"):page.index(".Sh FILES")]
    examples = re.findall(r"^\.Dl (.*)", page, re.M)
    check(len(examples) > 60, f"only {len(examples)} examples found")
    none(filter(None, map(understood, examples)))


def test_configurations():
    """Every configuration that is an example in the manual is understood"""
    keys = re.findall(r'^\t\{ "([a-z-]+)",',
                      (SRC / "common/config/config.c").read_text(), re.M)
    examples = []
    for path in pages().values():
        text = path.read_text().replace("@sysconfdir@", "/etc")
        examples += [block for block in re.findall(
            r"^\.Bd -literal.*\n((?:(?!\.Ed).*\n)*)", text, re.M)
            if re.match(r"[a-z-]+ +\S", block) and block.split()[0] in keys]
    check(len(examples) > 8, f"only {len(examples)} examples found")
    none(filter(None, map(understood, examples)))

def test_environment_documented():
    """restante-aliases(5) has the environment of commands, and no more"""
    made = set(re.findall(r'add_variable\(e, &n, "(\w+)"',
                          (SRC / "smtpd/local/pipe.c").read_text()))
    check(len(made) > 5, f"only {made} found in smtpd/local/pipe.c")
    page = pages()["restante-aliases.5"].read_text()
    told = set(re.findall(r"[A-Z_]+", " ".join(
        re.findall(r"^\.It Ev (.*)", page, re.M))))
    none([f"{name}: documented and made differ" for name in made ^ told])


def log_lines():
    """(file, format) of every line that is no warning or error, but for what
    a person reads who has typed a command."""
    call = re.compile(
        r'\blog_info(?:_as\(\s*[^,]+,|\()\s*((?:"(?:[^"\\]|\\.)*"\s*)+)')
    for path in sources():
        typed = "/admin/" in name(path) or "/send/" in name(path)
        if typed and path.name != "reports_send.c":
            continue
        for match in call.finditer(path.read_text()):
            yield name(path), "".join(
                re.findall(r'"((?:[^"\\]|\\.)*)"', match[1]))


def test_log_documented():
    """restante-log(5) has the lines and counts that there are, and no others
    """
    if not tool("mandoc"):
        raise Skip("no mandoc")
    path = pages()["restante-log.5"]
    page = subprocess.run(
        ["mandoc", "-T", "ascii", str(path)], check=True,
        capture_output=True, text=True).stdout
    page = re.sub(r"\s+", " ", re.sub(r".\x08", "", page))
    bad = []
    lines = list(log_lines())
    check(len(lines) > 30, f"only {len(lines)} lines found")
    for where, line in lines:
        line = re.sub(r"%[-+.*0-9]*(?:ll|z)?[a-zA-Z]", "\0", line)
        own = re.findall(r"(?<![\w.-])[a-z][a-z._-]*=", line)
        words = [w.strip(" :;,([<-")
                 for w in re.split(r"\0|[a-z._-]+=", line)]
        first = [w.split(": ")[0] for w in words if re.search("[a-zA-Z]{3}", w)]
        bad += [f"{where}: {w}" for w in own + first[:1] if w not in page]
    counts = re.findall(r'^\t\[STATS_\w+\] = \{ "(\w+)"',
                        (SRC / "common/log/stats_names.c").read_text(), re.M)
    check(len(counts) > 40, f"only {counts} found")
    bad += [f"count {c}" for c in counts
            if not re.search(rf"(?<!\w){c}(?!\w)", page)
            and not re.match("rejected_|(failed_)?logins_", c)]
    text = "".join(p.read_text() for p in sources())
    told = page[page.index("Lines of smtpd"):page.index("JSON")]
    verbs = {"command=", "starttls="}   # how often each came
    bad += [f"nobody writes {key}" for key in sorted(set(
        re.findall(r"(?<![\w.-])[a-z][a-z._-]*=", told)) - verbs)
        if key not in text]
    none(bad)


def test_options_documented():
    """Every long option that --help names is in the manual page"""
    for program in ("smtpd", "pop3d"):
        said = subprocess.run([BUILD / program / program, "--help"],
                              capture_output=True, text=True,
                              check=False).stdout
        options = set(re.findall(r"(?<![\w-])--[a-z0-9-]+", said))
        check(options, "--help names no option")
        none([f"{program} --help: too long: {line}"
              for line in said.splitlines() if len(line) > 80])
        page = pages()[f"{program}.8"].read_text().replace("\\-", "-")
        none([f"{program}.8: {option}" for option in sorted(options)
              if option[2:] not in page])


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
