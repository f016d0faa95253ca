# SPDX-License-Identifier: ISC
"""Rspamd with Redis: what several servers know of clients and users."""
from . import filters, peers
from .ports import free_port
from .talk import Talker

MODULES = ("redis", "greylist", "ratelimit")
DOUBTFUL = """
rspamd_config:register_symbol({
  name = "DOUBTFUL",
  score = 5.0,
  callback = function(task)
    return task:get_header("X-Doubtful") ~= nil
  end
})
"""


class Redis(filters.Process):
    """Redis with these lines in its configuration, on a port of its own."""

    def __init__(self, scratch, lines=""):
        self.lines, self.port = lines, free_port()
        super().__init__(scratch, "redis")

    def start(self):
        # Debian's redis-server is a link to this; its package would start it.
        program = self.dir / "redis-server"
        program.symlink_to(peers.find("redis-check-rdb", "redis-tools"))
        conf = self.dir / "redis.conf"
        conf.write_text(f'{self.lines}port {self.port}\n'
                        f'save ""\ndir {self.dir}\n')
        self.run([program, conf], self.answers)

    def answers(self):
        """Whether it accepts connections."""
        try:
            with Talker(filters.connect(f"inet:127.0.0.1:{self.port}", 5)):
                return True
        except OSError:
            return False


class SharingRspamd(filters.Rspamd):
    """Rspamd with its modules for greylisting and limits, as Debian configures
    them, and these files in local.d. A field X-Doubtful is worth 5 points,
    which is enough for greylisting."""

    conf = filters.RSPAMD_CONF.replace(
        "modules { ", "modules {\n" + "".join(
            f'  path = "$PLUGINSDIR/{name}.lua";\n' for name in MODULES[1:])
    ).replace("actions { ", "actions { greylist = 4; ") + "".join(
        f'.include "$CONFDIR/modules.d/{name}.conf"\n' for name in MODULES)

    rules = filters.RSPAMD_RULES + DOUBTFUL

    def __init__(self, scratch, local):
        self.local = local
        super().__init__(scratch)

    def start(self):
        for name in MODULES:
            self.write(f"modules.d/{name}.conf", filters.unpacked(
                "rspamd", "etc", "rspamd", "modules.d",
                f"{name}.conf").read_text())
        for name, text in self.local.items():
            self.write(f"local.d/{name}", text)
        super().start()
