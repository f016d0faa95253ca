# SPDX-License-Identifier: ISC
"""The list of code that may run as root, in SECURITY.md, against the objects.

Guards against rights that spread unnoticed: a file that gets on the path to a
call that gives up root was root before it, and what the server calls is root
for good. The graph has a node for each function and each table of a file, and
an edge for each reference, so that calls by pointers count, too.
"""
import re
import subprocess
from collections import defaultdict
from pathlib import Path

from lib.scratch import BUILD, SRC, tool
from lib.tap import Skip, Tap, check, equal

tap = Tap()
FOLDERS = ("common", "spool", "smtpd", "pop3d", "pam")
RIGHTS = {"setuid", "seteuid", "setreuid", "setresuid", "setgid", "setegid",
          "setregid", "setresgid", "setgroups", "initgroups", "chroot",
          "capset"}
ROW = re.compile(r"^\| (`[^|]+`) \| ([^|]+) \| ([^|]+) \|$", re.M)
NAMED = re.compile(r"(\S+\.o):\s+file format")
SYMBOL = re.compile(r"([0-9a-f]{8,16}) (.{7}) (\S+)\t\S+\s+(?:\.hidden )?(\S+)$")
FUNCTION = re.compile(r"[0-9a-f]{8,16} <([^>]+)>:$")
RELOCATION = re.compile(r"([0-9a-f]+):? R_(\w+)\s+(\S+)")
NEAR = re.compile(r"<([\w.]+)(?:\+0x[0-9a-f]+)?>")


def listed():
    """The files and folders of the list."""
    text = (SRC / "SECURITY.md").read_text()
    part = text.split("\n## What may run as root\n")[1].split("\n## ")[0]
    found = [name for row in ROW.finditer(part)
             for name in re.findall(r"`([^`]+)`", row.group(1))]
    check(len(found) > 10, f"only {found} found in SECURITY.md")
    return found


def is_listed(name, entries):
    """Whether the file, or a folder above it, is in the list."""
    return any(name == e or e.endswith("/") and name.startswith(e)
               for e in entries)


def objects():
    """The objects of the programs that a source stands beside."""
    found = [path for folder in FOLDERS
             for path in sorted((BUILD / folder).rglob("*.o"))
             if (SRC / path.relative_to(BUILD)).with_suffix(".c").exists()]
    if not found or not tool("objdump"):
        raise Skip("no objects to look at, or no objdump")
    return found


class Graph:
    """Who refers to whom: (file, symbol) to (file, symbol)."""

    def __init__(self):
        self.edges = defaultdict(set)
        self.places = defaultdict(lambda: defaultdict(list))
        self.names = defaultdict(set)       # by file
        self.owners = defaultdict(list)     # files by global name
        paths = objects()
        for file, line in self.dump("-tw", paths):
            self.symbol(file, line)
        for by_section in self.places.values():
            for symbols in by_section.values():
                symbols.sort()
        self.code(paths)
        self.tables(paths)

    @staticmethod
    def dump(options, paths):
        """The lines of objdump, with the file that each is about."""
        done = subprocess.run(["objdump", *options.split(), *map(str, paths)],
                              capture_output=True, text=True, check=True)
        file = None
        for line in done.stdout.splitlines():
            match = NAMED.match(line)
            if match:
                file = str(Path(match.group(1)).relative_to(BUILD)
                           .with_suffix(".c"))
            elif line:
                yield file, line

    def symbol(self, file, line):
        """Takes in a line of the symbol table."""
        match = SYMBOL.match(line)
        if not match or match.group(3) == "*UND*" or match.group(2)[5] == "d":
            return
        at, flags, section, name = match.groups()
        self.places[file][section].append((int(at, 16), name))
        self.names[file].add(name)
        if flags[0] in "gu" or flags[1] == "w":
            self.owners[name].append(file)

    def inside(self, file, section, offset):
        """The symbol that an offset in a section lies in."""
        found = section
        for at, name in self.places[file].get(section, ()):
            if at <= offset:
                found = name
        return file, found

    def targets(self, file, text, pc_relative):
        """What a relocation refers to."""
        name, offset = re.match(r"(.+?)([-+]0x[0-9a-f]+)?$", text).groups()
        if name in self.names[file]:
            return [(file, name)]
        if name.startswith("."):
            return [self.inside(file, name, int(offset or "0", 16)
                                + (4 if pc_relative else 0))]
        owners = self.owners.get(name, [])
        program = file.split("/")[0]
        own = [o for o in owners if o.split("/")[0] == program]
        return [(o, name) for o in own or owners] or [("", name)]

    def code(self, paths):
        """Edges from functions."""
        function = None
        for file, line in self.dump("-drw --no-show-raw-insn", paths):
            match = FUNCTION.match(line)
            if match:
                function = file, match.group(1)
            if match or function is None or line.startswith("Disassembly"):
                continue
            match = RELOCATION.search(line)
            if match:
                pc_relative = re.search("PC32|PLT32|GOTPC", match.group(2))
                self.edges[function].update(self.targets(
                    file, match.group(3), pc_relative))
            else:
                self.edges[function].update(
                    (file, name) for name in NEAR.findall(line)
                    if name in self.names[file])

    def tables(self, paths):
        """Edges from tables."""
        section = ""
        for file, line in self.dump("-rw", paths):
            match = re.match(r"RELOCATION RECORDS FOR \[(.+)\]", line)
            if match:
                section = match.group(1)
                continue
            match = RELOCATION.match(line.replace(" ", ": ", 1))
            if match and section.startswith((".data", ".rodata")):
                table = self.inside(file, section, int(match.group(1), 16))
                self.edges[table].update(self.targets(
                    file, match.group(3), False))

    def closure(self, start, edges):
        """All that can be reached, with a way to it."""
        way = {node: [node] for node in start}
        todo = list(way)
        while todo:
            node = todo.pop(0)
            for next_one in edges[node]:
                if next_one not in way:
                    way[next_one] = [*way[node], next_one]
                    todo.append(next_one)
        return way

    def above(self, names):
        """All that can reach one of these functions of the system."""
        reverse = defaultdict(set)
        for node, nexts in self.edges.items():
            for next_one in nexts:
                reverse[next_one].add(node)
        return self.closure([("", name) for name in names], reverse)

    def below(self, folder):
        """All that can be reached from the functions of a folder."""
        return self.closure([node for node in list(self.edges)
                             if node[0].startswith(folder)], self.edges)


def complain(ways, entries):
    """Each file that should be in the list, with one way."""
    missing = {}
    for (file, _), way in ways.items():
        if file and not is_listed(file, entries):
            missing.setdefault(file, " - ".join(name for _, name in way))
    equal(missing, {}, "not listed in SECURITY.md")


GRAPH = []


def graph():
    """The graph, made once."""
    if not GRAPH:
        GRAPH.append(Graph())
    return GRAPH[0]


def test_list():
    """Everything in the list exists"""
    equal([e for e in listed() if not (SRC / e).exists()
           or (SRC / e).is_dir() != e.endswith("/")], [])


def test_calls():
    """Only common/process/ calls what changes a process's rights"""
    users = {file for (file, _), nexts in graph().edges.items()
             for owner, name in nexts if owner == "" and name in RIGHTS}
    check(users, "nobody gives up root")
    equal([u for u in sorted(users) if not u.startswith("common/process/")],
          [])


def test_before():
    """All that can come to such a call is in the list"""
    ways = graph().above(RIGHTS)
    files = {file for file, _ in ways}
    check({"smtpd/main.c", "pop3d/main.c", "spool/become.c"} <= files,
          f"the graph is not whole: {sorted(files)}")
    complain(ways, listed())


def test_server():
    """All that the server calls is in the list"""
    ways = graph().below("common/server/")
    check(("common/server/child.c", "run_session") in ways or
          any(file == "common/process/privilege.c" for file, _ in ways),
          "the graph is not whole")
    complain(ways, listed())


def test_sessions():
    """No code of a session is in the list, nor called by the server"""
    rooms = tuple(f"{program}/session/" for program in ("smtpd", "pop3d"))
    equal([e for e in listed() if e.startswith(rooms)], [])
    equal([file for file, _ in graph().below("common/server/")
           if file.startswith(rooms)], [])


def test_resolver():
    """The resolver cannot change its rights, and is not in the list"""
    room = "smtpd/resolver/"
    check(graph().below(room), "the graph is not whole")
    equal([file for file, _ in graph().above(RIGHTS) if file.startswith(room)],
          [])
    equal([e for e in listed() if e.startswith(room)], [])


def test_comments():
    """A file that says that it runs as root is in the list"""
    entries, bad = listed(), []
    for folder in FOLDERS:
        for path in sorted((SRC / folder).rglob("*.c")):
            first = re.search(r"/\*(?! SPDX).*?\*/", path.read_text(), re.S)
            words = re.sub(r"[\s*]+", " ", first.group(0) if first else "")
            name = str(path.relative_to(SRC))
            if re.search(r"\b[Rr]uns? as root\b", words) and \
                    not is_listed(name, entries):
                bad.append(name)
    equal(bad, [])


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
