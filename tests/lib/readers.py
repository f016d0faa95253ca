# SPDX-License-Identifier: ISC
"""Programs that read mail logs: fail2ban, logwatch, pflogsumm.

Each takes lines as a log file has them and answers with what it counted.
They may be unpacked Debian packages: see peers.py.
"""
import os
import re
import shutil
import subprocess
from pathlib import Path

from .peers import find
from .tap import Skip, check

STAMP = "Nov 22 12:00:00 mail "


def as_file(lines):
    """What syslogd makes of the lines."""
    return "".join(f"{STAMP}{line}\n" for line in lines)


class Fail2ban:
    """fail2ban-regex, with the filters of the package."""

    def __init__(self, work):
        self.program = Path(find("fail2ban-regex", "fail2ban"))
        self.root = self.program.parents[2]
        self.log = Path(work, "fail2ban.log")
        self.filters = self.root / "etc/fail2ban/filter.d"
        if not self.filters.is_dir():
            raise Skip("fail2ban has no filters")

    def hosts(self, lines, name, **options):
        """The addresses that a filter finds, one for each line it takes."""
        self.log.write_text(as_file(lines))
        said = "".join(f"[{','.join(f'{k}={v}' for k, v in options.items())}]"
                       if options else "")
        done = subprocess.run(
            ["python3", self.program, "-c", self.filters.parent, "-o", "ip",
             self.log, f"{self.filters / name}.conf{said}"],
            capture_output=True, text=True, timeout=120, check=False,
            env=dict(os.environ, LC_ALL="C", PYTHONDONTWRITEBYTECODE="1",
                     PYTHONPATH=str(self.root / "usr/lib/python3/"
                                    "dist-packages")))
        check(done.returncode in (0, 1) and "Traceback" not in done.stderr,
              done.stdout + done.stderr)
        return done.stdout.split()


def logwatch(work, lines, script, **settings):
    """The report of one of logwatch's scripts, in full detail."""
    root = Path(find("logwatch", "logwatch")).parents[2]
    path = root / "usr/share/logwatch/scripts/services" / script
    if not path.exists():
        raise Skip(f"logwatch has no script {script}")
    env = dict(os.environ, LC_ALL="C", LOGWATCH_DETAIL_LEVEL="10",
               PERL5LIB=str(root / "usr/share/logwatch/lib"), **settings)
    if script == "pop3":        # logwatch takes the heads of lines off
        text = "".join(re.sub(r"^pop3d\[\d+\]: ", "", line) + "\n"
                       for line in lines if line.startswith("pop3d["))
    else:
        text = as_file(lines)
    done = subprocess.run(["perl", path], input=text, capture_output=True,
                          text=True, timeout=120, check=False, env=env,
                          cwd=work)
    check(done.returncode == 0, done.stderr)
    return done.stdout


def perl_libraries():
    """Where the modules of unpacked packages are."""
    root = Path(os.environ.get("RESTANTE_PEERS") or "/nowhere")
    return ":".join(str(path) for pattern in (
        "lib*-perl/usr/share/perl5", "lib*-perl/usr/lib/*/perl5/*")
        for path in sorted(root.glob(pattern)))


def pflogsumm(lines, *options):
    """Its report, with everything that it can find."""
    program = find("pflogsumm", "pflogsumm")
    if not shutil.which("perl"):
        raise Skip("no perl")
    done = subprocess.run(
        ["perl", program, "--smtpd_stats", *options, "-"],
        input=as_file(lines), capture_output=True, text=True, timeout=120,
        check=False, env=dict(os.environ, LC_ALL="C",
                              PERL5LIB=perl_libraries()))
    if "Date/Calc" in done.stderr:
        raise Skip("no Date::Calc (Debian package libdate-calc-perl)")
    check(done.returncode == 0, done.stderr)
    return done.stdout


def number(report, name):
    """The figure in front of a name in a report."""
    found = re.search(rf"^\s*(\d+)\s+{name}\b", report, re.M)
    check(found, f"no {name} in\n{report}")
    return int(found.group(1))
