"""A port of this machine for a cluster that must find it again after a restart."""

from __future__ import annotations

import socket


def free_port(address: str) -> int:
    """A TCP port that nobody listens at right now.

    What the engine chooses, it chooses anew at each start; kind does the same.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])
