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
FUNCTION_LINES, FILE_LINES, COLUMNS = 60, 600, 80
CIRCLE = 4      # files that call each other, at most
# Calls by which a process gets a file by its path.
OPENS = {"open", "open64", "openat", "openat64", "creat", "creat64", "fopen",
         "fopen64", "freopen", "opendir", "fdopendir", "mkostemp", "mkstemp",
         "__open_2", "__open64_2", "__openat_2", "__openat64_2"}
# Calls that change who a process is.
BECOMES = re.compile(r"\b(setres[ug]id|setre[ug]id|sete?[ug]id|setgroups"
                     r"|initgroups|chroot)\s*\(")


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


def folder_of(path):
    """The folder of a source file, as people say it."""
    return name(path.parent)


def included():
    """(file, line number, included file) of all includes of our own."""
    for path in sources():
        for number, target, quoted in includes(path):
            if quoted:
                yield path, number, target


def test_process_rooms():
    """No room includes what another process works with"""
    def within(target, *rooms):
        return any(target.startswith(room) for room in rooms)

    bad = []
    for path, number, target in included():
        room = folder_of(path)
        wrong = (
            room == "common/server" and within(
                target, "common/session/", "common/mime/", "common/sasl/")
            or room == "smtpd/worker" and target == "common/io/stream.h"
            or room == "smtpd/resolver" and not within(
                target, "common/dns/", "common/io/", "common/log/",
                "common/process/", "smtpd/resolver/")
            or room.endswith("d/session") and within(
                target, "smtpd/worker/", "smtpd/queue/", "smtpd/relay/",
                "smtpd/local/", "smtpd/admin/", "pop3d/mailbox/",
                "pop3d/admin/", "common/login/", "common/server/")
            or room.endswith("d/session") and within(target, "spool/")
            and not target.startswith("spool/mail"))
        if wrong:
            bad.append(f"{name(path)}:{number}: includes {target}")
    none(bad)


def test_private_headers():
    """A private header is NAME_private.h, and stays in its folder"""
    none([f"{name(path)}:{number}: includes {target}"
          for path, number, target in included()
          if target.endswith("_private.h")
          and str(Path(target).parent) != folder_of(path)])


def test_becoming():
    """Only common/process/ calls what changes who a process is"""
    bad = []
    check(BECOMES.search((SRC / "common/process/privilege.c").read_text()),
          "no such call is seen where there is one")
    for path in sources():
        if folder_of(path) == "common/process":
            continue
        text = code(path.read_text())
        bad += [f"{name(path)}:{text[:m.start()].count(chr(10)) + 1}: "
                f"{m.group(1)}" for m in BECOMES.finditer(text)]
    none(bad)


class Objects:
    """What the objects of a build define, and which of them use that."""

    made = None

    def __init__(self):
        self.defined, self.wanted = {}, {}
        files = {str(BUILD / f"{name(path)[:-2]}.o"): name(path)[:-2]
                 for path in sources(".c")}
        found = [path for path in files if Path(path).exists()]
        check(len(found) > 100, f"only {len(found)} objects in {BUILD}")
        self.wanted = {files[path]: set() for path in found}
        done = subprocess.run(["nm", "-A", "-P", *found], check=True,
                              capture_output=True, text=True)
        for line in done.stdout.splitlines():
            path, symbol, kind = line.split()[:3]
            file = files[path.rstrip(":")]
            if kind in "TDBRC":
                self.defined.setdefault(symbol, []).append(file)
            elif kind == "U":
                self.wanted[file].add(symbol)

    @classmethod
    def read(cls):
        """The objects, which are read once."""
        if not tool("nm"):
            raise Skip("no nm")
        if cls.made is None:
            cls.made = cls()
        return cls.made

    def arrows(self):
        """{file: files whose functions or data it uses}"""
        result = {file: set() for file in self.wanted}
        for file, symbols in self.wanted.items():
            for symbol in symbols:
                homes = self.defined.get(symbol, ())
                # The daemons never meet: a name may be in both.
                near = [h for h in homes
                        if h.split("/")[0] == file.split("/")[0]]
                result[file].update((near or homes)[:1])
            result[file].discard(file)
        return result


def circles(arrows):
    """The sets of files that reach each other (Tarjan), largest first."""
    order, low, stack, found = {}, {}, [], []

    def visit(node):
        order[node] = low[node] = len(order)
        stack.append(node)
        for other in arrows.get(node, ()):
            if other not in order:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == order[node]:
            at = stack.index(node)
            found.append(stack[at:])
            del stack[at:]

    for node in arrows:
        if node not in order:
            visit(node)
    return sorted(found, key=len, reverse=True)


def test_circles():
    """No more than four files call each other in a circle"""
    check(circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})[0]
          == ["a", "b", "c"], "a circle of three is not found")
    none([f"{len(c)} files: {' '.join(sorted(c))}"
          for c in circles(Objects.read().arrows()) if len(c) > CIRCLE])


def test_folders_one_way():
    """No two folders call each other both ways"""
    pairs = {}
    for file, others in Objects.read().arrows().items():
        for other in others:
            ways = (str(Path(file).parent), str(Path(other).parent))
            if ways[0] != ways[1]:
                pairs.setdefault(ways, f"{file} uses {other}")
    check(("smtpd/queue", "spool") in pairs, "the runner calls no queue?")
    both = {(a, b) for a, b in pairs if a < b and (b, a) in pairs}
    none([f"{a} and {b}: {pairs[a, b]}, {pairs[b, a]}"
          for a, b in sorted(both)])


def test_session_opens_nothing():
    """A session links to no open(2), no mailbox, no verifier, no worker"""
    objects = Objects.read()
    arrows = objects.arrows()
    jailed = [f for f in arrows
              if str(Path(f).parent) in ("smtpd/session", "pop3d/session",
                                         "common/session", "common/sasl")]
    check(len(jailed) > 20, f"only {jailed}")
    check(OPENS & objects.wanted["common/login/aliases_load"],
          "no open(2) is seen where there is one")
    bad = []
    for file in jailed:
        bad += [f"{file} calls {call}"
                for call in objects.wanted[file] & OPENS]
        bad += [f"{file} uses {other}" for other in arrows[file]
                if other.startswith(("common/login/", "common/server/",
                                     "smtpd/worker/", "pop3d/mailbox/"))
                or other.startswith("spool/")
                and not other.startswith("spool/mail")]
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
                                    "signal", "ftruncate")]
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
    """No file has more than 600 lines, no line more than 80 columns"""
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
                           SRC / "smtpd/certificate-hook",
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
