# SPDX-License-Identifier: ISC
"""The redo journal of a rewrite in place: an executable specification.

A mailbox is rewritten in place: from some offset on (`start`) it becomes a
stream, made of ranges of its own bytes, in order, and of literal text that
replaces what goes. A byte never moves up, so the stream can be written from
the front, batch by batch, over bytes that are no longer needed.

    1. The mailbox is synced: others may have appended without that.
    2. A file "journal" gets the plan; it is synced, and so is its directory.
    3. Each batch is committed: its bytes go to a data area, a slot says which
       they are, the journal is synced. Then they go to the mailbox, which is
       synced. Two areas and two slots take turns, so that the last committed
       batch lies whole in the journal until it lies whole in the mailbox. A
       batch that does not touch its own source needs no copy: its slot says
       how to know it again.
    4. A last slot commits the truncation. The mailbox is cut and synced, and
       the journal is removed.

After a crash Journal.recover() does what is left. tests/system/crash/t_model.py lets this
crash in all ways, breaks it on purpose, and compares it with the C code.
"""
import hashlib
import struct
from dataclasses import dataclass, replace

# The journal file: the header; two slots; the plan; two data areas.
BLOCK = 4096
SLOTS = BLOCK               # each in a block of its own
PLAN = 3 * BLOCK            # the ranges, then the text
SAMPLE = 65536              # at either end of what is cut off
MAGIC = b"RSTJRN1\0"
HEADER = struct.Struct("<8s8Q16s16s16s16s")
SLOT = struct.Struct("<4Q16s16s")
RANGE = struct.Struct("<3Q")
DATA, NO_DATA, TRUNCATE = 1, 2, 3


def digest(data):
    """What proves that data are whole."""
    return hashlib.sha256(data).digest()[:16]


@dataclass
class Plan:
    """From offset start on the mailbox, of that size, becomes the ranges."""
    start: int
    size: int
    ranges: list                # (from, length, 1 if it is from the text)
    text: bytes = b""

    @property
    def total(self):
        return sum(length for _, length, _ in self.ranges)

    @property
    def new_size(self):
        return self.start + self.total

    def pieces(self, position, length):
        """The ranges of a piece of the stream."""
        for begin, size, is_text in self.ranges:
            skip = min(position, size)
            take = min(size - skip, length)
            position -= skip
            length -= take
            if take:
                yield begin + skip, take, is_text


class Journal:
    """A process that rewrites a mailbox, or finishes what another left."""

    def __init__(self, disk, batch, device=1):
        self.disk = disk
        self.mailbox = disk.mailbox
        self.batch = batch
        self.device = device
        self.file = self.plan = self.inode = None
        self.position = self.serial = 0
        self.unsettled = False

    # -- the run --

    def run(self, plan):
        """Returns when the new mailbox is durable."""
        self.plan = plan
        self.create("journal")
        self.write_plan()
        self.disk.sync_names()
        self.go_on()

    def create(self, name):
        self.disk.unlink("journal.new")
        self.file = self.disk.create(name)
        room = min(self.plan.total, 2 * self.batch)
        self.disk.allocate(self.file, self.area(0) + room)

    def write_plan(self):
        plan = self.plan
        self.disk.sync(self.mailbox)
        ranges = b"".join(RANGE.pack(*r) for r in plan.ranges)
        head, tail = self.landmarks()
        header = HEADER.pack(
            MAGIC, self.device, self.disk.inode,
            plan.start, plan.size, plan.new_size,
            len(plan.ranges), len(plan.text), self.batch, head, tail,
            digest(ranges + plan.text), bytes(16))[:-16]
        self.disk.write(self.file, PLAN, ranges)
        self.disk.write(self.file, PLAN + len(ranges), plan.text)
        self.disk.write(self.file, 0, header + digest(header))
        self.disk.sync(self.file, "fsync")

    def go_on(self):
        """All batches from the position on, and the truncation."""
        while self.position < self.plan.total:
            length = min(self.batch, self.plan.total - self.position)
            data = self.stream(self.position, length)
            self.commit(self.kind(length), length, data)
            self.apply(data)
            self.serial += 1
        self.settle()
        self.commit(TRUNCATE, 0, self.tail_sample())
        self.cut()

    def kind(self, length):
        """A batch apart from its source needs no copy: what is not from the
        mailbox is text, which the plan has."""
        target = self.plan.start + self.position
        sources = [p[0] for p in self.plan.pieces(self.position, length)
                   if not p[2]]
        apart = not sources or sources[0] >= target + length
        return NO_DATA if apart else DATA

    def commit(self, kind, length, data):
        """From the sync on this batch will reach the mailbox."""
        if kind == DATA:
            self.disk.write(self.file, self.area(self.serial), data)
        self.settle()
        self.write_slot(
            (self.serial, kind, self.position, length, digest(data)))

    def write_slot(self, slot):
        slot = SLOT.pack(*slot, bytes(16))[:-16]
        self.disk.write(self.file, SLOTS + self.serial % 2 * BLOCK,
                        slot + digest(slot))
        self.disk.sync(self.file)

    def apply(self, data):
        """The disk may take its time with it, until the next slot."""
        self.disk.write(self.mailbox, self.plan.start + self.position, data)
        self.unsettled = True
        self.position += len(data)

    def settle(self):
        """Only the newest batch is replayed: the others are in place."""
        if self.unsettled:
            self.disk.sync(self.mailbox)
            self.unsettled = False

    def cut(self):
        self.disk.cut(self.mailbox, self.plan.new_size)
        self.disk.sync(self.mailbox, "fsync")
        self.disk.unlink("journal")

    # -- parts --

    def area(self, serial):
        end = PLAN + len(self.plan.ranges) * RANGE.size + len(self.plan.text)
        return -(-end // BLOCK) * BLOCK + serial % 2 * self.batch

    def stream(self, position, length):
        return b"".join(
            bytes((self.plan.text if is_text else self.mailbox.now)
                  [begin:begin + size])
            for begin, size, is_text in self.plan.pieces(position, length))

    def landmarks(self):
        """What no batch overwrites: in front of the start, and at the end."""
        start, end = self.plan.start, self.plan.size
        size = min(BLOCK, end - self.plan.new_size)
        return (digest(self.mailbox.now[max(0, start - BLOCK):start]),
                digest(self.mailbox.now[end - size:end]))

    def tail_sample(self):
        """Of what is cut off, to tell whether it has been."""
        begin, end = self.plan.new_size, self.plan.size
        size = min(SAMPLE, end - begin)
        return bytes(self.mailbox.now[begin:begin + size]
                     + self.mailbox.now[end - size:end])

    # -- the recovery --

    def recover(self):
        """Returns when the mailbox is whole, old or new, durably."""
        self.file = self.disk.names.get("journal")
        if not self.file:
            return
        found = self.read_plan()
        if not found:           # never committed: the mailbox is the old one
            self.disk.unlink("journal")
            return
        slots = self.read_slots()
        self.disk.sync_names()
        decided = bool(slots) and slots[0][1] == TRUNCATE
        if self.inode != self.disk.inode:
            self.set_aside()    # another program has put its own there
        elif not decided and (len(self.mailbox.now) < self.plan.size
                            or self.landmarks() != found):
            self.set_aside()    # or has rewritten it
        elif decided:
            self.finish_cut(slots)
        elif self.is_behind(slots):
            self.set_aside()    # or has restored it from a backup
        else:
            self.finish_batches(slots)

    def read_plan(self):
        """The landmarks of a plan that is whole, or None."""
        file = bytes(self.file.now)
        if len(file) < PLAN:
            return None
        header = file[:HEADER.size]
        (magic, self.device, self.inode, start, size, _, count, text, batch,
         head, tail, proof, own) = HEADER.unpack(header)
        if digest(header[:-16]) != own or magic != MAGIC:
            return None
        end = PLAN + count * RANGE.size
        ranges = file[PLAN:end]
        if digest(file[PLAN:end + text]) != proof:
            return None
        self.batch = batch
        self.plan = Plan(start, size, list(RANGE.iter_unpack(ranges)),
                         file[end:end + text])
        return head, tail

    def read_slots(self):
        """Those that are whole, the newest first."""
        slots = []
        for at in (SLOTS, SLOTS + BLOCK):
            slot = bytes(self.file.now[at:at + SLOT.size])
            if digest(slot[:-16]) == slot[-16:]:
                slots.append(SLOT.unpack(slot))
        return sorted(slots, reverse=True)

    def load(self, slot):
        """The batch of a slot, if it is what the slot says."""
        serial, kind, position, length, proof, _ = slot
        at = self.area(serial)
        data = (self.stream(position, length) if kind == NO_DATA
                else bytes(self.file.now[at:at + length]))
        return data if digest(data) == proof else None

    def finish_batches(self, slots):
        """The last batch that was committed, again, and all after it."""
        for slot in slots:
            self.serial, kind, self.position, length = slot[:4]
            data = self.load(slot)
            if data is not None:
                self.commit_again(slot, data)
                self.apply(data)
                self.settle()
                self.serial += 1
                break
            if kind == NO_DATA:     # its source is not ours any more
                self.set_aside()
                return
            if self.serial == 0:    # not committed, and it was the first
                break
        else:
            if slots:
                self.set_aside()
                return
        if len(self.mailbox.now) > self.plan.size:
            self.extend()
        self.go_on()

    def is_behind(self, slots):
        """A slot is written when the batch before it is in the mailbox."""
        if len(slots) < 2 or slots[1][0] + 1 != slots[0][0]:
            return False
        _, _, position, length, proof, _ = slots[1]
        at = self.plan.start + position
        return digest(self.mailbox.now[at:at + length]) != proof

    def commit_again(self, slot, data=None):
        """What a killed process wrote can be read, and yet not be durable."""
        if slot[1] == DATA:
            self.disk.write(self.file, self.area(slot[0]), data)
        self.write_slot(slot[:5])

    def finish_cut(self, slots):
        slot = slots[0]
        self.serial = slot[0]
        sample = self.tail_sample()
        if len(self.mailbox.now) < self.plan.size or not (
                self.zeroed() or digest(sample) == slot[4]):
            self.disk.sync(self.mailbox, "fsync")
            self.disk.unlink("journal")     # cut, and perhaps grown since
            return
        if self.is_behind(slots):
            self.set_aside()
            return
        self.commit_again(slot)
        self.position = self.plan.total
        if len(self.mailbox.now) > self.plan.size:
            self.extend()
            self.go_on()
        else:
            self.cut()

    def zeroed(self):
        """A cut whose zeros are on the disk, and whose size is not."""
        return (self.plan.new_size < self.plan.size
                and self.mailbox.now[self.plan.new_size] == 0)

    def extend(self):
        """What others have appended is one more range, of a new plan."""
        plan, size = self.plan, len(self.mailbox.now)
        rest = list(plan.pieces(self.position, plan.total - self.position))
        self.plan = replace(
            plan, start=plan.start + self.position, size=size,
            ranges=rest + [(plan.size, size - plan.size, 0)])
        self.position = self.serial = 0
        self.replace_journal()

    def replace_journal(self):
        self.create("journal.new")
        self.write_plan()
        self.disk.rename("journal.new", "journal")
        self.disk.sync_names()

    def set_aside(self):
        self.disk.rename("journal", "journal.lost")
        self.disk.sync_names()
