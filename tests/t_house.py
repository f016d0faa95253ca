"""The rules of the house, as far as a machine can check them."""
import json
import re
import shlex
import subprocess
import tempfile
from pathlib import Path

from lib.scratch import BUILD, SRC, tool
from lib.tap import Skip, Tap, check

tap = Tap()
FOLDERS = ("common", "spool", "smtpd", "pop3d", "pam")
MAY_INCLUDE = {"common": {"common"}, "pam": {"common"},
               "spool": {"common", "spool"},
               "smtpd": {"common", "spool", "smtpd"},
               "pop3d": {"common", "spool", "pop3d"}}
BANNED = ("strcpy strcat strncat sprintf vsprintf strtok strtok_r atoi atol "
          "atoll atof gets scanf sscanf fscanf ctime asctime gmtime localtime "
          "mktemp tmpnam tempnam alloca system popen flopen strnvis vfork "
          "setjmp longjmp sigsetjmp siglongjmp").split()
FUNCTION_LINES, FILE_LINES, COLUMNS = 60, 400, 80


def sources(*endings):
    """The C files of the programs, without tests."""
    return sorted(p for f in FOLDERS for p in (SRC / f).rglob("*")
                  if p.suffix in (endings or (".c", ".h")))


def name(path):
    """A path as people say it."""
    return str(path.relative_to(SRC))


def code(text):
    """C text with comments and string contents blanked, lines kept."""
    def blank(match):
        word = match.group(0)
        if word.startswith("/"):
            return re.sub(r"[^\n]", " ", word)
        return word[0] + " " * (len(word) - 2) + word[-1]
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"'
                  r"|'(?:\\.|[^'\\\n])*'", blank, text, flags=re.S)


def includes(path):
    """(line number, included name, is it quoted) of a file."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)', line)
        if match:
            yield number, match.group(2), match.group(1) == '"'


def none(findings):
    """There must be no findings."""
    check(not findings, "\n" + "\n".join(findings[:30]))


def test_directions():
    """Nothing includes upwards, and the daemons never meet"""
    bad = []
    check(sources(".c"), "no source files found")
    for path in sources():
        own = path.relative_to(SRC).parts[0]
        for number, target, quoted in includes(path):
            folder = target.split("/")[0]
            if folder in FOLDERS and folder not in MAY_INCLUDE[own] or \
                    quoted and folder not in FOLDERS or ".." in target:
                bad.append(f"{name(path)}:{number}: includes {target}")
    none(bad)


def test_gnutls():
    """Only common/tls/ includes GnuTLS"""
    bad = []
    for path in sources():
        if re.fullmatch(r"common/tls/[a-z0-9_]+\.[ch]", name(path)):
            continue
        bad += [f"{name(path)}:{number}: includes {target}"
                for number, target, _ in includes(path)
                if re.match(r"(gnutls|nettle|openssl)/", target)]
        bad += [f"{name(path)}: calls {call}" for call in
                re.findall(r"\bgnutls_\w+", code(path.read_text()))]
    none(bad)


def test_own_header_first():
    """A file that has a header includes it first"""
    bad = []
    for path in sources(".c"):
        header = path.with_suffix(".h")
        first = next((t for _, t, _ in includes(path)), None)
        if header.exists() and first != name(header):
            bad.append(f"{name(path)}: includes {first} first")
    none(bad)


def test_banned():
    """No banned call"""
    pattern = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")
    bad = []
    for path in sources():
        for number, line in enumerate(code(path.read_text()).splitlines(), 1):
            bad += [f"{name(path)}:{number}: {word}"
                    for word in pattern.findall(line)]
    none(bad)


def test_handlers():
    """Handlers of signals call nothing that a signal may not interrupt"""
    bad, found = [], set()
    for path in sources(".c"):
        text = code(path.read_text())
        for handler in set(re.findall(r"\.sa_(?:handler|sigaction) = (\w+)",
                                      text)):
            body = re.search(rf"\n{handler}\(.*?\n}}\n", text, re.S)
            check(body, f"{name(path)}: where is {handler}()?")
            found.add(handler)
            bad += [f"{name(path)}: {handler}() calls {call}()" for call in
                    re.findall(r"(\w+)\s*\(", body.group(0)[1:])
                    if call not in (handler, "if", "sizeof", "write", "mmap",
                                    "signal")]
    check({"on_signal", "on_term", "cut"} <= found, str(found))
    none(bad)


def test_locks():
    """Mailboxes are never locked by flock, or waited for without a limit"""
    none([f"{name(path)}: {word}" for path in sources()
          if path.is_relative_to(SRC / "spool")
          for word in re.findall(r"\bF_(?:OFD_)?SETLKW\b|\bflock\s*\(",
                                 code(path.read_text()))])


def test_functions():
    """No function has more than 60 lines"""
    if not tool("ctags"):
        raise Skip("no ctags")
    version = subprocess.run(["ctags", "--version"], capture_output=True,
                             text=True, check=False).stdout
    if "Universal" not in version or "+json" not in version:
        raise Skip("no universal-ctags with JSON")
    done = subprocess.run(
        ["ctags", "--output-format=json", "--fields=+ne", "--kinds-c=f",
         "--languages=C", "-o", "-", *map(str, sources(".c", ".h"))],
        capture_output=True, text=True, check=True)
    tags = [json.loads(line) for line in done.stdout.splitlines()]
    check(len(tags) > 20, f"only {len(tags)} functions found")
    none([f"{t['path']}:{t['line']}: {t['name']} has "
          f"{t['end'] - t['line'] + 1} lines" for t in tags
          if t.get("end", 0) - t["line"] + 1 > FUNCTION_LINES])


def test_files():
    """No file has more than 400 lines, no line more than 80 columns"""
    bad = []
    for path in sources():
        lines = path.read_text().splitlines()
        if len(lines) > FILE_LINES:
            bad.append(f"{name(path)}: {len(lines)} lines")
        bad += [f"{name(path)}:{number}: {len(line.expandtabs(8))} columns"
                for number, line in enumerate(lines, 1)
                if len(line.expandtabs(8)) > COLUMNS]
    none(bad)


def test_text():
    """Text files are UTF-8, end in a newline, and no line ends in a blank"""
    bad = []
    files = sources() + sorted((SRC / "tests").rglob("*.py")) \
        + sorted((SRC / "tests").rglob("*.talk")) + sorted(SRC.glob("*.md"))
    for path in files:
        text = path.read_text(encoding="utf-8")
        if text and not text.endswith("\n"):
            bad.append(f"{name(path)}: no newline at the end")
        bad += [f"{name(path)}:{number}: blank at the end"
                for number, line in enumerate(text.splitlines(), 1)
                if line != line.rstrip()]
    none(bad)


def test_licence():
    """Every source file names its licence"""
    none([name(p) for p in sources()
          if "SPDX-License-Identifier: ISC" not in
          "\n".join(p.read_text().splitlines()[:3])])


def test_clang_format():
    """clang-format has nothing to change"""
    if not tool("clang-format"):
        raise Skip("no clang-format")
    style = SRC / ".clang-format"
    if not style.exists():
        raise Skip("no .clang-format in this tree")
    wanted = re.search(r"clang-format (\d+)", style.read_text())
    has = subprocess.run(["clang-format", "--version"], capture_output=True,
                         text=True, check=True).stdout
    has = re.search(r"version (\d+)", has)
    if wanted and has and wanted.group(1) != has.group(1):
        raise Skip(f"clang-format is {has.group(1)}, not {wanted.group(1)}")
    done = subprocess.run(
        ["clang-format", "--dry-run", "--Werror", *map(str, sources())],
        capture_output=True, text=True, check=False)
    none([line for line in done.stderr.splitlines() if "error:" in line])


def test_shell():
    """shellcheck finds nothing to complain about"""
    if not tool("shellcheck"):
        raise Skip("no shellcheck (Debian package shellcheck)")
    scripts = [p for p in (SRC / "bootstrap", SRC / ".ci/run",
                           *sorted((SRC / "tests").rglob("*")))
               if p.is_file() and re.match(rb"#!/bin/(ba)?sh\b",
                                           p.read_bytes()[:16])]
    check(len(scripts) > 4, f"only {len(scripts)} scripts")
    done = subprocess.run(["shellcheck", *map(str, scripts)],
                          capture_output=True, text=True, check=False)
    none([done.stdout + done.stderr] if done.returncode else [])


def make_variables():
    """The variables of the build's Makefile."""
    path = BUILD / "Makefile"
    if not path.exists():
        raise Skip("no Makefile in the build tree")
    text = path.read_text().replace("\\\n", " ")
    return dict(re.findall(r"^([A-Za-z_]\w*) *= *(.*)$", text, re.M))


def expand(text, variables):
    """Expands $(NAME) as make does."""
    for _ in range(10):
        text = re.sub(r"\$[({](\w+)[)}]",
                      lambda m: variables.get(m.group(1), ""), text)
    return text


def test_headers_alone():
    """Each header compiles by itself"""
    variables = make_variables()
    flags = shlex.split(expand(
        "$(CC) $(DEFS) $(DEFAULT_INCLUDES) $(INCLUDES) $(AM_CPPFLAGS) "
        "$(CPPFLAGS) $(AM_CFLAGS) $(CFLAGS)", variables))
    bad = []
    with tempfile.TemporaryDirectory() as work:
        for path in sources(".h"):
            probe = Path(work, "probe.c")
            probe.write_text(f'#include "{name(path)}"\n'
                             f'#include "{name(path)}"\n'
                             "typedef int not_empty;\n")
            done = subprocess.run(
                [*flags, f"-I{SRC}", "-fsyntax-only", str(probe)],
                capture_output=True, text=True, cwd=BUILD, check=False)
            if done.returncode != 0:
                bad.append(f"{name(path)}: {done.stderr.strip()[:500]}")
    none(bad)


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
    """mandoc finds nothing to complain about"""
    if not tool("mandoc"):
        raise Skip("no mandoc")
    bad = []
    for path in pages().values():
        done = subprocess.run(
            ["mandoc", "-T", "lint", "-W", "warning", str(path)],
            capture_output=True, text=True, check=False)
        if done.returncode != 0 or done.stdout:
            bad += done.stdout.splitlines() + done.stderr.splitlines()
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
    """Every config key is in restante.conf(5)"""
    config = (SRC / "common/config/config.c").read_text()
    keys = re.findall(r'^\t\{ "([a-z-]+)",', config, re.M)
    check(len(keys) >= 15, f"only {keys} found in common/config/config.c")
    page = pages()["restante.conf.5"].read_text()
    none([f"{key} is not documented" for key in keys
          if not re.search(rf"^\.It Cm {re.escape(key)}\b", page, re.M)])


def test_options_documented():
    """Every long option that --help names is in the manual page"""
    for program in ("smtpd", "pop3d"):
        said = subprocess.run([BUILD / program / program, "--help"],
                              capture_output=True, text=True,
                              check=False).stdout
        options = set(re.findall(r"(?<![\w-])--[a-z0-9-]+", said))
        check(options or program == "pop3d", "--help names no option")
        page = pages()[f"{program}.8"].read_text().replace("\\-", "-")
        none([f"{program}.8: {option}" for option in sorted(options)
              if option[2:] not in page])


def test_hardening():
    """The programs are position independent, with read-only relocations"""
    if not tool("readelf"):
        raise Skip("no readelf")
    for program in ("smtpd", "pop3d"):
        said = subprocess.run(
            ["readelf", "-hldW", BUILD / program / program],
            capture_output=True, text=True, check=True).stdout
        if "AddressSanitizer" in said or "libasan" in said:
            raise Skip("a sanitizer build")
        check("DYN (" in said, f"{program} is not position independent")
        check("GNU_RELRO" in said, f"{program} has no RELRO")
        check("BIND_NOW" in said or "NOW" in said, f"{program} binds lazily")
        check(not re.search(r"GNU_STACK.*RWE", said), "executable stack")


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
