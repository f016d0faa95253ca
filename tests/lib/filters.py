# SPDX-License-Identifier: ISC
"""Mail filters of others that speak the milter protocol, from Debian.

Each runs in the foreground in a folder of its own, as the user of the tests,
on a socket there, with no more of a configuration than it needs. They are
unpacked below $RESTANTE_PEERS: installed, they would start.
"""
import base64
import grp
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from . import peers
from .milter_client import connect, scan
from .scratch import reachable
from .tap import Skip, check
from .wait import wait_for

PYTHON = "/usr/bin/python3"     # that knows Debian's modules
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
# In two halves, so that no scanner finds this file.
EICAR = (r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-" +
         "STANDARD-ANTIVIRUS-TEST-FILE!$H+H*")
HEADER = (b"From: Someone <someone@example.com>\r\nTo: alice@example.org\r\n"
          b"Subject: a subject\r\n that is folded\r\n"
          b"Message-ID: <1@example.com>\r\n"
          b"Date: Mon, 30 Nov 2026 10:00:00 +0000\r\n")
EICAR_SIGNATURE = "44d88612fea8a8f36de82e1278abb02f:68:Eicar-Test-Signature\n"


def gtube(header=HEADER, letter="X"):
    """A message with GTUBE, or one of Rspamd's other test patterns."""
    return header + f"\r\n{letter}{GTUBE[1:]}\r\n".encode()


def eicar(header=HEADER):
    """A message with EICAR as an attachment."""
    return header + (
        b"MIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n"
        + base64.b64encode(EICAR.encode()) + b"\r\n")


def unpacked(package, *parts):
    """A path of a package that is only unpacked, or installed."""
    root = os.environ.get("RESTANTE_PEERS")
    for base in ([Path(root, package)] if root else []) + [Path("/")]:
        if base.joinpath(*parts).exists():
            return base.joinpath(*parts)
    raise Skip(f"/{'/'.join(parts)} is not there (Debian package {package})")


HARMLESS = b"Subject: x\r\n\r\nx\r\n"


class Process:
    """A program of others that listens; ended by its pid."""

    def __init__(self, scratch, name):
        self.scratch, self.name = scratch, name
        self.process = None
        self.dir = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=scratch.dir))
        self.log = scratch.dir / f"{name}.log"
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise

    def start(self):
        """Starts it until it listens."""
        raise NotImplementedError

    def find(self, program, package):
        """The path of a program that the user of the tests can run."""
        path = peers.find(program, package)
        if self.scratch.user and not reachable(path):
            raise Skip(f"{program} cannot be run by the user of the tests")
        return path

    def run(self, command, ready, **environment):
        """Starts a program and waits until it listens."""
        self.scratch.own()
        with open(self.log, "ab") as log:
            self.process = self.scratch.popen(
                list(map(str, command)), stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True, cwd=self.dir,
                env=dict(self.scratch.environment(), **environment))

        def listening():
            check(self.process.poll() is None, f"{self.name} has ended:\n"
                  + self.text()[-2000:])
            return ready()
        wait_for(listening, f"{self.name} to listen", 120, 0.05)

    def text(self):
        """What it has written."""
        return self.log.read_text(errors="replace") \
            if self.log.exists() else ""

    def kill(self, number=signal.SIGKILL):
        """It is a group of processes, and all of it ours."""
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass
        if number == signal.SIGKILL:
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()


class Filter(Process):
    """A milter, with its socket in its folder or at another path."""

    path = None

    @property
    def socket(self):
        """The path of its socket."""
        return self.path or self.dir / "sock"

    @property
    def address(self):
        """As the key "filter" has it."""
        return f"unix:{self.socket}"

    @property
    def user(self):
        """The user and the group that it runs as, by name."""
        user = self.scratch.user or pwd.getpwuid(os.geteuid())
        return f"{user.pw_name}:{grp.getgrgid(user.pw_gid).gr_name}"

    def answers(self):
        """Whether it accepts connections."""
        try:
            connect(self.address, 5).close()
        except OSError:
            return False
        return True

    def write(self, name, text):
        """A file in its folder; its path."""
        path = self.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)
        return path


class Clamd(Filter):
    """ClamAV's daemon with one signature, which needs no download."""

    def __init__(self, scratch):
        super().__init__(scratch, "clamd")

    def start(self):
        self.write("db/test.hdb", EICAR_SIGNATURE)
        conf = self.write(
            "clamd.conf", f"DatabaseDirectory {self.dir}/db\n"
            f"LocalSocket {self.socket}\nTemporaryDirectory {self.dir}\n"
            "Foreground yes\nMaxThreads 2\n")
        self.run([self.find("clamd", "clamav-daemon"), "-c", conf],
                 self.pongs)

    def pongs(self):
        """Whether it serves: clamav-milter looks once, and then again only
        after a while."""
        try:
            with connect(self.address, 30) as sock:
                sock.sendall(b"zPING\0")
                return sock.recv(16) == b"PONG\0"
        except OSError:
            return False


class ClamavMilter(Filter):
    """Refuses viruses; lines of its configuration may be added."""

    def __init__(self, scratch, clamd, path=None,
                 lines="OnInfected Reject\nRejectMsg Found %v\n"
                 "AddHeader Replace\n"):
        self.clamd, self.path, self.lines = clamd, path, lines
        super().__init__(scratch, "clamav-milter")

    def start(self):
        conf = self.write(
            "clamav-milter.conf", f"MilterSocket unix:{self.socket}\n"
            f"ClamdSocket unix:{self.clamd.socket}\n"
            f"TemporaryDirectory {self.dir}\nForeground yes\n" + self.lines)
        self.run([self.find("clamav-milter", "clamav-milter"), "-c", conf],
                 self.knows_clamd)

    def knows_clamd(self):
        """Whether it listens, and has found the daemon."""
        return self.answers() and scan(self.address, HARMLESS).accepted


class Spamd(Filter):
    """SpamAssassin's daemon, without the network."""

    def __init__(self, scratch):
        super().__init__(scratch, "spamd")

    def start(self):
        program = self.find("spamd", "spamd")
        rules = unpacked("spamassassin", "usr", "share", "spamassassin")
        perl = unpacked("spamassassin", "usr", "share", "perl5")
        site = self.write("site/local.cf", "use_bayes 0\n"
                          "add_header all Report _REPORT_\n").parent
        for name in ("init.pre", "v320.pre"):
            self.write(f"site/{name}", unpacked(
                "spamassassin", "etc", "spamassassin", name).read_text())
        self.run(["perl", "-T", f"-I{perl}", program, "-L", "-x", "-m", "2",
                  "--min-children=1", f"--socketpath={self.socket}",
                  "--socketmode=0666", "-C", rules, "--siteconfigpath", site,
                  "-H", self.dir, "-s", "stderr"], self.answers)


class SpamassMilter(Filter):
    """Asks Spamd; refuses at a score of 15."""

    def __init__(self, scratch, spamd, *arguments, path=None):
        self.spamd, self.arguments, self.path = spamd, arguments, path
        super().__init__(scratch, "spamass-milter")

    def start(self):
        # It knows no other place.
        if not os.access("/usr/bin/spamc", os.X_OK):
            raise Skip("/usr/bin/spamc is not there (Debian package spamc)")
        self.run([self.find("spamass-milter", "spamass-milter"), "-p",
                  self.socket, "-r", "15", *self.arguments, "--", "-U",
                  self.spamd.socket], self.answers)


RSPAMD_CONF = """
options {
  pidfile = "$RUNDIR/rspamd.pid";
  filters = "";
  url_tld = "$LOCAL_CONFDIR/tlds";
  tempdir = "$DBDIR";
  hs_cache_dir = "$DBDIR";
  enable_test_patterns = true;
  control_socket = "$DBDIR/control.sock mode=0600";
  dns { nameserver = ["127.0.0.1:1"]; timeout = 0.1s; retransmits = 1; }
}
logging { type = "console"; level = "info"; }
lua = "$LOCAL_CONFDIR/rules.lua";
modules { path = "$PLUGINSDIR/milter_headers.lua"; }
actions { reject = 15; add_header = 6; rewrite_subject = 10; }
milter_headers { use = ["x-spamd-bar", "x-spam-level"]; }
worker "rspamd_proxy" {
  milter = yes;
  count = 1;
  timeout = 120s;
  spam_header = "X-Spam";
  .include "$LOCAL_CONFDIR/local.d/worker-proxy.inc"
}
"""
RSPAMD_RULES = """
rspamd_config:register_symbol({
  name = "AGAIN",
  type = "prefilter",
  callback = function(task)
    if task:get_header("X-Again") then
      task:set_pre_result("soft reject", "Try again later")
    end
  end
})
"""
RSPAMD_PROXY = """
bind_socket = "$LOCAL_CONFDIR/sock mode=0666";
upstream "local" {
  default = yes;
  self_scan = yes;
}
"""


class Rspamd(Filter):
    """Rspamd with no rules but its test patterns: GTUBE is refused, the same
    with Y or Z in front gets fields or another subject, and a field X-Again
    makes it ask for another try. It asks no name server."""

    conf, rules = RSPAMD_CONF, RSPAMD_RULES

    def __init__(self, scratch, path=None, proxy=RSPAMD_PROXY):
        self.path, self.proxy = path, proxy
        super().__init__(scratch, "rspamd")

    def places(self):
        """Where its files are."""
        share = unpacked("rspamd", "usr", "share", "rspamd")
        return {
            "CONFDIR": self.dir, "LOCAL_CONFDIR": self.dir,
            "DBDIR": self.dir, "RUNDIR": self.dir, "LOGDIR": self.dir,
            "SHAREDIR": share, "RULESDIR": share / "rules",
            "LUALIBDIR": share / "lualib", "PLUGINSDIR": share / "plugins",
            "WWWDIR": share / "www"}

    def start(self):
        program = self.find("rspamd", "rspamd")
        library = unpacked("rspamd", "usr", "lib", "rspamd")
        conf = self.write("rspamd.conf", self.conf)
        self.write("tlds", "com\norg\n")    # it would compile all there are
        self.write("rules.lua", self.rules)
        self.write("local.d/worker-proxy.inc", self.proxy)
        places = {k: str(v) for k, v in self.places().items()}
        self.run([program, "-f", "-i", "-c", conf,
                  *(f"--var={k}={v}" for k, v in places.items())],
                 self.answers, LD_LIBRARY_PATH=str(library), **places)


class Opendkim(Filter):
    """Signs mail of example.org."""

    def __init__(self, scratch):
        super().__init__(scratch, "opendkim")

    def start(self):
        subprocess.run(["openssl", "genrsa", "-traditional", "-out",
                        self.dir / "key.pem", "2048"], check=True,
                       capture_output=True)
        conf = self.write(
            "opendkim.conf", f"Mode s\nSocket local:{self.socket}\n"
            f"Domain example.org\nSelector test\nKeyFile {self.dir}/key.pem\n"
            "InternalHosts 0.0.0.0/0\nBackground no\nRequireSafeKeys no\n"
            "OversignHeaders From\nCanonicalization relaxed/simple\n")
        self.run([self.find("opendkim", "opendkim"), "-x", conf, "-f"],
                 self.answers)


def public_key(pem):
    """The p= of a record for that private key."""
    done = subprocess.run(["openssl", "rsa", "-in", pem, "-pubout"],
                          check=True, capture_output=True, text=True)
    return re.sub(r"-----.*?-----|\s", "", done.stdout)


def python_path(package, module):
    """PYTHONPATH for a package that is only unpacked."""
    return str(unpacked(package, "usr", "lib", "python3", "dist-packages",
                        module).parent)


class DkimpyMilter(Filter):
    """Signs mail of example.org, too."""

    def __init__(self, scratch):
        super().__init__(scratch, "dkimpy-milter")

    def start(self):
        program = self.find("dkimpy-milter", "dkimpy-milter")
        subprocess.run(["openssl", "genrsa", "-traditional", "-out",
                        self.dir / "key.pem", "2048"], check=True,
                       capture_output=True)
        conf = self.write(
            "dkimpy-milter.conf", f"Socket local:{self.socket}\nMode s\n"
            f"PidFile {self.dir}/pid\nUserID {self.user}\nSyslog no\n"
            f"Domain example.org\nKeyFile {self.dir}/key.pem\n"
            "Selector test\nInternalHosts 0.0.0.0/0\n"
            "Canonicalization relaxed/simple\n")
        self.run([program, conf], self.answers, PYTHONDONTWRITEBYTECODE="1",
                 PYTHONPATH=python_path("dkimpy-milter",
                                        "dkimpy_milter"))


PYSPF = """
import sys
import spf
RECORDS = {"pass.test": "v=spf1 ip4:192.0.2.0/24 ip4:127.0.0.0/8 -all",
           "fail.test": "v=spf1 -all"}
def look_up(name, kind, *_, **__):
    name = name.rstrip(".").lower()
    return [((name, "TXT"), (RECORDS[name].encode(),))] \\
        if kind == "TXT" and name in RECORDS else []
spf.DNSLookup = look_up
from spf_engine.milter_spf import main
main()
"""


class PyspfMilter(Filter):
    """Checks SPF; pass.test and fail.test are all the domains there are."""

    def __init__(self, scratch):
        super().__init__(scratch, "pyspf-milter")

    def start(self):
        path = python_path("python3-spf-engine", "spf_engine")
        conf = self.write(
            "pyspf-milter.conf", f"Socket = local:{self.socket}\n"
            f"PidFile = {self.dir}/pid\nUserID = {self.user}\n"
            "debugLevel = 1\nTestOnly = 1\nHELO_reject = False\n"
            "Mail_From_reject = Fail\nskip_addresses = 10.0.0.1/32\n"
            "Authserv_Id = spf.example.org\n"
            "InternalHosts = 10.0.0.1\nHeader_Type = AR\n")
        self.run([PYTHON, "-B", self.write("run.py", PYSPF), conf],
                 self.answers, PYTHONPATH=path)


class EveryAction(Filter):
    """lib/every_action.py, by python3-milter and so by libmilter."""

    def __init__(self, scratch):
        super().__init__(scratch, "every-action")

    def start(self):
        unpacked("python3-milter", "usr", "lib", "python3", "dist-packages",
                 "Milter", "__init__.py")
        program = shutil.copy(Path(__file__).with_name("every_action.py"),
                              self.dir)
        self.run([PYTHON, "-B", program, f"local:{self.socket}"],
                 self.answers)
