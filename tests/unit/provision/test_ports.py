"""A port of this machine that is free right now."""

from __future__ import annotations

import socket

import pytest

from pytest_kind.errors import UsageError
from pytest_kind.provision.ports import free_port


@pytest.mark.parametrize(("address", "family"), [("127.0.0.1", socket.AF_INET), ("0.0.0.0", socket.AF_INET), ("127.0.0.2", socket.AF_INET)])  # noqa: S104
def test_one_can_listen_there(address: str, family: socket.AddressFamily) -> None:
    port = free_port(address)
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.bind((address, port))
    assert 1024 <= port < 65536


def test_of_an_address_that_is_another_machines_there_is_none() -> None:
    with pytest.raises(UsageError, match=r"^networking\.apiServerAddress: no port of 192\.0\.2\.1 can be had on this machine: "):
        free_port("192.0.2.1")


def test_one_that_is_in_use_is_not_given() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        assert listener.getsockname()[1] not in {free_port("127.0.0.1") for _ in range(50)}
