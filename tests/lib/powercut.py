# SPDX-License-Identifier: ISC
"""What strace saw of a session, and the states of the disk it allows.

record() gives the Operations of a session on the files below some folders,
with the acknowledgements in between. A Disk plays them and answers what may be
there after a power cut: what was synced surely, and of the rest anything
between nothing and all. As on btrfs, what a file without a name had when it was
synced is not on the disk because the folder of its later name was synced: that
keeps the name alone, until the file is synced under it.
"""
import os
import re

from .tap import Skip
from .scratch import tool

CALLS = ("openat,open,mkdir,mkdirat,write,pwrite64,lseek,ftruncate,fallocate,"
         "fsync,fdatasync,renameat,renameat2,linkat,unlinkat,sendto,close")
LINE = re.compile(r"(\d+) +(\w+)\((.*)\) += (-?\d+)(?:<(.*?)>)?[^>]*$")
BEGUN = re.compile(r"(\d+) +(\w+)\((.*) <unfinished \.\.\.>$")
RESUMED = re.compile(r"(\d+) +<\.\.\. \w+ resumed>(.*)$")
FILE = re.compile(r"(-?\d+|AT_FDCWD)(?:<([^>]*)>)?")
STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
BLOCK = 4096
# What the worker tells the session, which then says 250 (strace cannot look
# into a session): a serial number and STATUS_OK or STATUS_QUEUED.
DELIVERED = re.compile(rb".{4}[\0\5]\0{3}", re.S)
DONE = b"done "     # what a test's own program says
DESCRIPTOR = "/proc/self/fd/"


def unhex(text):
    """The bytes of a string as -xx prints it."""
    return bytes.fromhex(text.replace("\\x", ""))


def strace(out):
    """The command line in front of a program; Skip if it cannot be."""
    if not tool("strace"):
        raise Skip("no strace")
    return [tool("strace"), "-f", "-y", "-xx", "-s", "9999999", "-o", str(out),
            "-e", "trace=" + CALLS, "-e", "signal=none"]


def joined(path):
    """The lines of a trace, with calls that were interrupted made whole."""
    begun = {}
    with open(path, encoding="latin-1") as file:
        for line in file:
            line = line.rstrip("\n")
            start = BEGUN.match(line)
            rest = RESUMED.match(line)
            if start:
                begun[start.group(1)] = f"{start[1]} {start[2]}({start[3]}"
            elif rest and rest.group(1) in begun:
                yield begun.pop(rest.group(1)) + rest.group(2)
            else:
                yield line


class Reader:
    """Turns the lines of a trace into operations."""

    def __init__(self, roots):
        self.roots = tuple(str(root) + "/" for root in roots)
        self.at = {}        # (pid, descriptor): where write(2) would write
        self.unnamed = {}   # (pid, descriptor): what strace calls the file
        self.opened = None  # the path of what a call has opened
        self.operations = []
        self.writers = set()    # processes that wrote on a file of ours

    def ours(self, path):
        """Whether it lies below what we look at."""
        return (path + "/").startswith(self.roots) and "(deleted)" not in path

    def put(self, *operation):
        """One more operation."""
        self.operations.append(operation)

    def line(self, line):
        """Reads one line."""
        match = LINE.match(line)
        if not match or int(match.group(4)) < 0:
            return
        pid, name, args, result, self.opened = match.groups()
        strings = [unhex(s) for s in STRING.findall(args)]
        if name == "sendto" and strings and (
                strings[0].startswith(b"+OK Bye")
                or pid in self.writers and DELIVERED.fullmatch(strings[0])):
            self.put("ack", strings[0])
            return
        files = [(fd, unhex(path).decode() if path else "")
                 for fd, path in FILE.findall(args)]
        call = getattr(self, "on_" + name.removesuffix("64"), None)
        if call and files:
            call((pid, files[0][0]), files[0][1], args, strings, int(result))

    def named(self, args, strings):
        """The full paths that a call names."""
        folders = [unhex(p).decode() for _, p in re.findall(
            r"(\d+|AT_FDCWD)<([^>]*)>", args)]
        paths = [s.decode() for s in strings]
        return [p if p.startswith("/") else os.path.join(
            folders[min(i, len(folders) - 1)], p)
            for i, p in enumerate(paths)]

    def on_openat(self, key, _folder, args, strings, result):
        """Also for open(2)."""
        path = self.named(args, strings)[0]
        self.at[key[0], str(result)] = 0
        if self.ours(path) and "O_TMPFILE" in args:
            file = unhex(self.opened).decode()
            self.unnamed[key[0], str(result)] = file
            self.put("unnamed", file)
        elif self.ours(path):
            if "O_CREAT" in args:
                self.put("create", path)
            if "O_TRUNC" in args:
                self.put("truncate", path, 0)

    def on_lseek(self, key, *rest):
        """Where the next write goes."""
        self.at[key] = rest[-1]

    def on_write(self, key, path, _args, strings, result):
        """At the descriptor's place."""
        if strings and strings[0].startswith(DONE):
            self.put("ack", strings[0])
        at = self.at.get(key, 0)
        self.at[key] = at + result
        if self.ours(path) and strings:
            self.writers.add(key[0])
            self.put("write", path, at, strings[0][:result])

    def on_pwrite(self, _key, path, args, strings, result):
        """At an offset."""
        if self.ours(path):
            at = int(args.rsplit(",", 1)[1])
            self.put("write", path, at, strings[0][:result])

    def on_ftruncate(self, _key, path, args, _strings, _result):
        """Cuts, or makes longer."""
        if self.ours(path):
            self.put("truncate", path, int(args.rsplit(",", 1)[1]))

    def on_fallocate(self, _key, path, args, _strings, _result):
        """Makes longer: mode 0, from the start."""
        if self.ours(path):
            _, at, size = args.rsplit(",", 2)
            self.put("room", path, int(at) + int(size))

    def on_fsync(self, _key, path, *_rest):
        """A file or a folder."""
        if self.ours(path):
            self.put("sync", path)

    on_fdatasync = on_fsync

    def on_mkdir(self, _key, _path, args, strings, _result):
        """A new folder."""
        path = self.named(args, strings)[0]
        if self.ours(path):
            self.put("mkdir", path)

    on_mkdirat = on_mkdir

    def on_renameat(self, _key, _path, args, strings, _result):
        """In one step."""
        old, new = self.named(args, strings)
        if self.ours(old):
            self.put("rename", old, new)

    on_renameat2 = on_renameat

    def on_linkat(self, key, _path, args, strings, _result):
        """A second name, or the first of a file that had none."""
        old, new = self.named(args, strings)
        if old.startswith(DESCRIPTOR):
            old = self.unnamed.get((key[0], old[len(DESCRIPTOR):]), old)
            self.writers.add(key[0])
        if self.ours(old):
            self.put("link", old, new)

    def on_unlinkat(self, _key, _path, args, strings, _result):
        """A name less."""
        path = self.named(args, strings)[0]
        if self.ours(path):
            self.put("unlink", path)


def read(trace, roots):
    """The operations of a recorded session."""
    reader = Reader(roots)
    for line in joined(trace):
        reader.line(line)
    return reader.operations


def apply(data, operation):
    """The content of a file after one operation on it."""
    kind, _, at, *rest = operation
    if kind == "write":
        data = data.ljust(at, b"\0")
        return data[:at] + rest[0] + data[at + len(rest[0]):]
    if kind == "room":
        return data.ljust(at, b"\0")
    return data[:at].ljust(at, b"\0")


def pieces(operation):
    """A write, in parts that lie in one block each; else itself."""
    kind, path, at, *rest = operation
    if kind != "write":
        return [operation]
    data, found = rest[0], []
    while data:
        size = BLOCK - at % BLOCK
        found.append(("write", path, at, data[:size]))
        at, data = at + size, data[size:]
    return found


class Disk:
    """Files with what is surely on the disk, and what is only under way."""

    def __init__(self, files, folders):
        self.sure = {}          # number: content
        self.open = {}          # number: operations since the last sync
        self.names = {}         # path: number, as programs see it
        self.entries = {}       # path: number, as it is surely on the disk
        self.moves = {}         # folder: changes of names since its last sync
        self.nameless = set()   # numbers of files that had no name yet
        self.unlogged = {}      # number: operations synced without a name
        for path, content in files.items():
            self.names[path] = self.new(content)
        for path in folders:
            self.names[path] = self.new(None)
        self.entries = dict(self.names)

    def new(self, content):
        """A new file (None: folder)."""
        number = len(self.sure)
        self.sure[number] = content
        self.open[number] = []
        return number

    def move(self, *change):
        """A change of names: (path, number or None), ..."""
        self.moves.setdefault(os.path.dirname(change[0][0]), []).append(change)
        enter(self.names, change)

    def play(self, operation):
        """One operation."""
        kind, path = operation[:2]
        if kind in ("create", "mkdir"):
            if path not in self.names:
                new = self.new(b"" if kind == "create" else None)
                self.move((path, new))
        elif kind == "unnamed":
            self.names[path] = self.new(b"")
            self.nameless.add(self.names[path])
        elif kind == "link":
            self.nameless.discard(self.names[path])
            self.move((operation[2], self.names[path]))
        elif kind == "rename":
            self.move((path, None), (operation[2], self.names[path]))
        elif kind == "unlink":
            self.move((path, None))
        elif kind == "sync":
            self.sync(path)
        elif kind != "ack" and path in self.names:
            self.open[self.names[path]].append(operation)

    def sync(self, path):
        """A file or a folder is on the disk now."""
        number = self.names.get(path)
        if number is None:
            return
        if self.sure[number] is None:
            for change in self.moves.pop(path, []):
                enter(self.entries, change)
                for _, file in change:
                    self.forget(file)
            return
        if number in self.nameless:
            self.unlogged.setdefault(number, []).extend(self.open[number])
        else:
            self.unlogged.pop(number, None)
        self.sure[number] = self.content(number, self.open[number])
        self.open[number] = []

    def forget(self, number):
        """What was synced without a name is only under way again."""
        if number in self.unlogged:
            self.sure[number] = b""
            self.open[number][:0] = self.unlogged.pop(number)

    def content(self, number, operations):
        """A file with these operations done."""
        data = self.sure[number]
        for operation in operations:
            data = apply(data, operation)
        return data

    def state(self, data=lambda ops: ops, moves=lambda changes: changes):
        """{path: content} (None: folder) if of what is under way data() and
        moves() reach the disk."""
        names = dict(self.entries)
        for folder in list(self.moves):
            for change in moves(self.moves[folder]):
                enter(names, change)
        return {path: None if self.sure[n] is None
                else self.content(n, data(self.open[n]))
                for path, n in names.items() if self.reached(path, names)}

    def reached(self, path, names):
        """Whether all folders above it that we know of are there."""
        above = os.path.dirname(path)
        return above not in self.names or \
            above in names and self.reached(above, names)

    def states(self, chance, rounds):
        """(name of the model, state) of what a power cut may leave."""
        def nothing(_):
            return []

        def only(path):
            return lambda ops: [o for o in ops if o[1] != path]

        def some(ops):
            return [o for op in ops for o in pieces(op)
                    if chance.random() < 0.5]

        def beginning(ops):
            return ops[:chance.randint(0, len(ops))]

        yield "names lost", self.state(moves=nothing)
        yield "data lost", self.state(nothing)
        yield "all lost", self.state(nothing, nothing)
        for path, number in self.names.items():
            if self.open[number]:
                yield f"{os.path.basename(path)} lost", self.state(only(path))
        for path, number in self.names.items():
            cuts = [o for o in self.open[number] if o[0] == "truncate"]
            if cuts:
                yield "truncation lost", self.state(
                    lambda ops: [o for o in ops if o[0] != "truncate"])
                yield "only truncation", self.state(
                    lambda ops: [o for o in ops if o[0] == "truncate"])
        for _ in range(rounds):
            yield "some blocks", self.state(some)
            yield "some blocks, some names", self.state(some, beginning)


def enter(names, change):
    """Does one change of names."""
    for path, number in change:
        if number is None:
            names.pop(path, None)
        else:
            names[path] = number
