# SPDX-License-Identifier: ISC
"""Programs that stand in for those which a page calls and a test cannot run:
they need the network, a booted system or an hour.

What can be checked about a call is checked: units, make's targets, options of
configure and bootstrap must exist.
"""
from pathlib import Path

# systemd's: the units must be installed; those that are started are served.
SYSTEMCTL = r"""#!/bin/sh
verb= now=
for word; do
	case $word in
	--now) now=yes; continue ;;
	-*) continue ;;
	esac
	if [ -z "$verb" ]; then
		verb=$word
		continue
	fi
	case $word in
	restante-\**) continue ;;
	restante-*) ;;
	*) continue ;;
	esac
	[ -e "@units@/$word" ] || {
		echo "there is no unit $word" >&2
		exit 5
	}
	case $verb$now in
	start | restart | enableyes) ;;
	*) continue ;;
	esac
	case $word in
	restante-smtp.socket) set -- smtpd -l :25 ;;
	restante-submission.socket) set -- smtpd -l :587 -l :465 ;;
	restante-local.socket)
		mkdir -p /run/restante
		set -- smtpd -l unix:/run/restante/submission ;;
	restante-pop3.socket) set -- pop3d -l :110 -l :995 ;;
	restante-passwd.socket) set -- pop3d -l 127.0.0.1:106=passwd ;;
	*) continue ;;
	esac
	log=@work@/$word.log
	[ ! -e "$log" ] || continue
	"$@" >"$log" 2>&1 </dev/null &
	until grep -qs '^listening on' "$log"; do
		kill -0 $! || { cat "$log" >&2; exit 1; }
		sleep 0.1
	done
done
case $verb in
daemon-reload | enable | disable | start | stop | restart | try-restart | \
	cat | edit) ;;
*)
	echo "systemctl has no $verb" >&2
	exit 1
	;;
esac
"""

# make's targets must be there; what "make install" does is done already.
MAKE = r"""#!/bin/sh
[ $# -gt 0 ] || set -- all
for target; do
	grep -q "^$target:" @build@/Makefile || {
		echo "make has no target $target" >&2
		exit 2
	}
done
"""

CONFIGURE = r"""#!/bin/sh
for option; do
	name=${option%%=*}
	case $name in
	--with-* | --enable-*) ;;
	--sysconfdir | --prefix) continue ;;
	esac
	@source@/configure --help | grep -q -e "${name}" || {
		echo "configure has no $name" >&2
		exit 1
	}
done
"""

# "run" is what bootstrap runs once all is built; it ends by itself here.
BOOTSTRAP = r"""#!/bin/sh
@source@/bootstrap --help | grep -q "bootstrap $1" || {
	echo "bootstrap has no $1" >&2
	exit 1
}
case $1 in
run)
	mkdir @work@/tree
	ln -s @source@/tests @work@/tree/tests
	ln -s @build@ @work@/tree/build
	exec @work@/tree/tests/demo/run --once
	;;
esac
"""

# Files as certbot leaves them, by no authority.
CERTBOT = r"""#!/bin/sh
for name; do :; done
live=/etc/letsencrypt/live/$name
mkdir -p "$live"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	-days 30 -subj "/CN=$name" -addext "subjectAltName=DNS:$name" \
	-keyout "$live/privkey.pem" -out "$live/fullchain.pem"
"""

QUIET = "#!/bin/sh\nexit 0\n"

# What needs the network, hardware or another program's own set-up.
ELSEWHERE = """apt apt-get apt-cache docker podman git service restic
    borg journalctl nc lego dehydrated crontab newgrp doveadm
    autoreconf rsync ssh scp exim update-ca-certificates""".split()


def make_stand_ins(folder, build, source, work, units):
    """Fills a folder that goes to the front of PATH, and one to work in."""
    texts = {"systemctl": SYSTEMCTL, "make": MAKE, "certbot": CERTBOT,
             **{name: QUIET for name in ELSEWHERE}}
    here = {"configure": CONFIGURE, "bootstrap": BOOTSTRAP}
    desk = Path(work, "desk")
    for place, programs in ((Path(folder), texts), (desk, here)):
        place.mkdir(parents=True, exist_ok=True)
        for name, text in programs.items():
            for key, value in (("units", units), ("work", work),
                               ("build", build), ("source", source)):
                text = text.replace(f"@{key}@", str(value))
            (place / name).write_text(text)
            (place / name).chmod(0o755)
    return desk
