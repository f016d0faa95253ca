# SPDX-License-Identifier: ISC
"""Ports for the servers of a test."""
import errno
import random
import socket

kept = []   # sockets whose names say which ports are given out


def candidates():
    """Ports that the kernel gives to no client: one of those could take the
    port before the server does."""
    with open("/proc/sys/net/ipv4/ip_local_port_range",
              encoding="ascii") as file:
        low, high = (int(word) for word in file.read().split())
    return [*range(10000, low), *range(high + 1, 65536)] \
        or list(range(10000, 65536))


def is_free(port):
    """Whether nobody has the port, on any address."""
    for family in (socket.AF_INET, socket.AF_INET6):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            try:
                with socket.socket(family, kind) as sock:
                    if family == socket.AF_INET6:
                        sock.setsockopt(socket.IPPROTO_IPV6,
                                        socket.IPV6_V6ONLY, 1)
                    sock.bind(("", port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    return False
    return True


def free_port():
    """A port that is free now, and that no other test is given before this
    one has ended: until then a socket has its number as its name."""
    for port in random.sample(candidates(), 200):
        name = socket.socket(socket.AF_UNIX)
        try:
            name.bind(f"\0restante-test-port-{port}")
        except OSError:
            name.close()
            continue
        if is_free(port):
            kept.append(name)
            return port
        name.close()
    raise AssertionError("no port is free")
