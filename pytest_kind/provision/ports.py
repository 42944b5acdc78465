"""A port of this machine for a cluster that must find it again after a restart."""

from __future__ import annotations

import socket

from pytest_kind.errors import UsageError


def free_port(address: str) -> int:
    """A TCP port that nobody listens at right now.

    What the engine chooses, it chooses anew at each start; kind does the same.

    Raises:
        UsageError: it is no address of this machine.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((address, 0))
            return int(probe.getsockname()[1])
    except OSError as error:
        raise UsageError(f"networking.apiServerAddress: no port of {address} can be had on this machine: {error.strerror}") from error
