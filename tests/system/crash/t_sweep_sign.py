# SPDX-License-Identifier: ISC
"""Mail that is signed, with a kill or a fault at any call of those who do it,
or without memory from any allocation on.

As in t_sweep_relay, but there are keys: the runner asks the signer, and agents
ask the runner. Whatever is killed or fails, nobody misses his mail or gets it
too often, and none leaves without its signature, or with one that is wrong.
"""
from lib import dkimpeers
from lib.authprobe import Probe
from lib.hunger import Hunger
from lib.sweep import sample
from lib.sweeprun import NO, Hop, Runner, points, traced
from lib.tap import Tap, check, equal

tap = Tap()
DOMAIN = "ledger.example"   # of those who write the messages
MOST = 25       # faults in one sweep, without RESTANTE_LONG
ERRORS = {
    "openat": ("EMFILE", "EIO", "ENOMEM"), "getdents64": ("EIO",),
    "read": ("EIO",), "pread64": ("EIO",), "recvfrom": ("ENOMEM",),
    "recvmsg": ("ENOMEM",), "sendto": ("ENOMEM", "EPIPE"),
    "sendmsg": ("ENOMEM",), "socketpair": ("EMFILE",), "clone": ("EAGAIN",),
    "fork": ("EAGAIN",), "mmap": ("ENOMEM",), "brk": ("ENOMEM",),
    "seccomp": ("EFAULT",), "prctl": ("EPERM",), "fstat": ("EIO",),
    "newfstatat": ("EIO",), "socket": ("EMFILE",), "connect": ("EIO",),
    "poll": ("ENOMEM",), "close": ("EIO",), "fcntl": ("ENOLCK",)}


class Signing(Runner):
    """A Runner with keys for those who write the messages."""

    starved = {}

    def __init__(self, hop):
        super().__init__(hop)
        self.hunger = Hunger(self)
        try:
            self.records = dkimpeers.published(self, DOMAIN)
            self.probe = Probe({k: [v] for k, v in self.records.items()})
            self.seen = 0
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        super().__exit__()
        if hasattr(self, "probe"):
            self.probe.__exit__()

    def environment(self):
        """Perhaps without memory."""
        return dict(super().environment(), **self.starved)

    def trouble(self, kills):
        """What is wrong after the last run."""
        wrong = super().trouble(kills)
        for message in self.hop.received:
            if not message.body.rstrip().endswith(b">") or \
                    b"end of" in message.body:
                results = self.probe.results(message.body)
                self.seen += results == ["pass"]
                if results != ["pass"]:
                    wrong.append(f"SIGNATURE {results} {message.body[:90]}")
        return wrong


def sweep(runner, name, injections):
    """Each of them, in all processes of the family, then an ordinary run."""
    with tap.case(name, runner.notes):
        troubles, unfinished = [], 0
        for inject in injections:
            runner.fill()
            path = runner.dir / "trace"
            path.write_text("")
            runner.own()
            runner.run(*traced(True), "-o", path, "-e",
                       f"trace={inject.split(':')[0]}", "-e",
                       f"inject={inject}")
            runner.still()
            hits = path.read_text(errors="replace")
            hits = hits.count("+++ killed by") + hits.count("(INJECTED)")
            unfinished += runner.queued() > 0
            for _ in range(3):
                if runner.queued():
                    runner.run()
                    runner.still()
            wrong = runner.trouble(hits)
            if wrong:
                troubles.append(f"{inject} ({hits}): {wrong[:3]}")
        tap.diag(f"{len(injections)} faults; {unfinished} left mail")
        check(unfinished > 0, "none that left mail")
        equal(troubles[:6], [], f"{len(troubles)} troubles")


def hungry(runner):
    """In each process that the runner starts there is no memory from some
    allocation on; then ordinary runs."""
    with tap.case("there is no memory", runner.notes):
        troubles, unfinished = [], 0
        for number in sorted({*sample(range(1, 200), MOST),
                              *sample(range(200, 5000), MOST)}):
            runner.fill()
            runner.starved = runner.hunger.environment(
                number, "NO_MEMORY_FORKED")
            runner.run()
            runner.still()
            runner.starved = {}
            # GnuTLS's libraries end their process where there is none.
            _, faults = runner.hunger.read()
            unfinished += runner.queued() > 0
            for _ in range(3):
                if runner.queued():
                    runner.run()
                    runner.still()
            wrong = runner.trouble(sum(faults.values()))
            if wrong:
                troubles.append(f"{number} ({faults}): {wrong[:3]}")
        tap.diag(f"{unfinished} left mail")
        check(unfinished > 0, "none that left mail")
        equal(troubles[:6], [], f"{len(troubles)} troubles")


def cases_faults():
    """Hunger, kills, then faults"""
    with Hop(NO) as hop, Signing(hop) as runner:
        every = points(runner, True)
        check(runner.seen > 0, "nothing was signed")
        hungry(runner)
        sweep(runner, "the runner, its signer and its agents are killed", [
            f"{call}:signal=KILL:when={n}" for call, n in
            sample(every, MOST)])
        sweep(runner, "their calls fail", sample(
            [f"{call}:error={error}:when={n}" for call, n in every
             for error in ERRORS.get(call, ())], MOST))


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
