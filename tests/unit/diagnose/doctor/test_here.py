"""What is seen of this machine: contexts, proxies, ports, tools, the cache folder."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_kind.config.types import ClusterConfig, Networking, Node, PortMapping
from pytest_kind.diagnose.doctor.collect.cache import mounted, see_cache
from pytest_kind.diagnose.doctor.collect.here import context_address, see_here
from pytest_kind.diagnose.doctor.facts import Here, Wanted
from pytest_kind.lease.session import Session
from pytest_kind.provision.provider import Network
from support.engine import SURVEY

LOOPBACK = {"bridge": Network(subnets=("127.0.0.0/8",), gateways=("127.0.0.1",))}


@pytest.fixture
def docker_config(tmp_path: Path) -> Path:
    folder = tmp_path / "docker"
    meta = folder / "contexts" / "meta" / "abc"
    meta.mkdir(parents=True)
    content = {"Name": "desktop", "Endpoints": {"docker": {"Host": "unix:///desktop.sock"}}}
    (meta / "meta.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


@pytest.fixture
def listener() -> Iterator[int]:
    """A port of loopback that is taken."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield int(taken.getsockname()[1])


def see(environ: dict[str, str], wanted: Wanted | None = None, **engine: Any) -> Here:
    return see_here({"DOCKER_CONFIG": "/nowhere", **environ}, wanted or Wanted(), replace(SURVEY, **engine))


class TestContexts:
    """Which engine docker's own configuration means."""

    def test_none_is_chosen(self, docker_config: Path) -> None:
        here = see({"DOCKER_CONFIG": str(docker_config)})
        assert (here.context, here.contexts) == (None, ("desktop",))
        assert context_address({"DOCKER_CONFIG": str(docker_config)}) is None

    def test_the_file_chooses(self, docker_config: Path) -> None:
        (docker_config / "config.json").write_text('{"currentContext": "desktop"}', encoding="utf-8")
        here = see({"DOCKER_CONFIG": str(docker_config)})
        assert (here.context, here.context_origin) == ("desktop", f"currentContext in {docker_config / 'config.json'}")
        assert context_address({"DOCKER_CONFIG": str(docker_config)}) == ("unix:///desktop.sock", f"context 'desktop', {here.context_origin}")

    def test_the_environment_chooses_first(self, docker_config: Path) -> None:
        (docker_config / "config.json").write_text('{"currentContext": "desktop"}', encoding="utf-8")
        here = see({"DOCKER_CONFIG": str(docker_config), "DOCKER_CONTEXT": "gone"})
        assert (here.context, here.context_origin) == ("gone", "DOCKER_CONTEXT")
        assert context_address({"DOCKER_CONFIG": str(docker_config), "DOCKER_CONTEXT": "gone"}) is None


class TestProxies:
    """Those that nodes are given."""

    def test_a_file_that_cannot_be_read_is_told(self, docker_config: Path) -> None:
        (docker_config / "config.json").write_text("{", encoding="utf-8")
        assert "cannot be read for its `proxies`" in (see({"DOCKER_CONFIG": str(docker_config)}).client_problem or "")

    def test_one_that_is_no_url_is_told_without_its_value(self) -> None:
        problem = see({"HTTP_PROXY": "http://me:geheim@[bad"}).client_problem or ""
        assert problem.startswith("HTTP_PROXY: is no URL")
        assert "geheim" not in problem

    def test_one_on_loopback_must_listen_where_nodes_look(self, listener: int) -> None:
        assert see({"HTTP_PROXY": f"http://me:geheim@localhost:{listener}"}, networks=LOOPBACK).dead_proxies == {}
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            port = closed.getsockname()[1]
            dead = see({"HTTP_PROXY": f"http://me:geheim@localhost:{port}"}, networks=LOOPBACK).dead_proxies
        assert dead == {f"127.0.0.1:{port}": "Connection refused"}

    def test_one_on_loopback_is_lost_to_an_engine_elsewhere(self) -> None:
        dead = see({"HTTPS_PROXY": "http://127.0.0.1:3128"}, local=False, address="tcp://build:2376").dead_proxies
        assert dead == {"port 3128 of this machine": "the engine at tcp://build:2376 is on another machine"}

    def test_one_elsewhere_is_not_asked(self) -> None:
        assert see({"HTTPS_PROXY": "http://proxy.invalid:3128"}, networks=LOOPBACK).dead_proxies == {}

    def test_only_variables_that_matter_are_kept(self) -> None:
        assert see({"NO_PROXY": "a", "SECRET": "b", "DOCKER_HOST": "c"}).environ == {"NO_PROXY": "a", "DOCKER_HOST": "c"}


class TestPorts:
    """Those that the configuration asks for."""

    def wanted(self, port: int, protocol: Any = "TCP", address: str = "127.0.0.1") -> Wanted:
        mapping = PortMapping(container_port=80, host_port=port, protocol=protocol, listen_address=address)
        return Wanted(config=ClusterConfig(nodes=(Node(extra_port_mappings=(mapping,)),)))

    def test_a_taken_one_is_told_with_whose_it_is(self, listener: int) -> None:
        (said,) = see({}, self.wanted(listener)).listening.values()
        assert said.startswith("address already in use by ")
        assert said.endswith(f"(process {os.getpid()})")

    def test_the_apis_own_too(self, listener: int) -> None:
        wanted = Wanted(config=ClusterConfig(networking=Networking(api_server_port=listener)))
        assert list(see({}, wanted).listening) == [("tcp", "127.0.0.1", listener)]

    def test_of_another_protocol_it_is_free(self, listener: int) -> None:
        assert see({}, self.wanted(listener, "UDP")).listening == {}
        assert see({}, self.wanted(listener, "SCTP")).listening == {}

    def test_an_address_that_is_not_of_this_machine_is_told(self) -> None:
        assert list(see({}, self.wanted(8080, address="192.0.2.77")).listening.values()) == ["cannot assign requested address"]

    def test_another_machines_are_not_tried(self, listener: int) -> None:
        assert see({}, self.wanted(listener), local=False).listening == {}


def test_tools_are_looked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "go").write_text("#!/bin/sh\n", encoding="utf-8")
    (tmp_path / "go").chmod(0o755)
    assert see({}).tools == {"go": str(tmp_path / "go"), "cc": None, "debootstrap (as root)": None}


class TestCache:
    """The folder, without a change to it."""

    def test_one_that_is_not_there_is_not_made(self, tmp_path: Path) -> None:
        seen = see_cache(tmp_path / "a" / "b", thorough=True)
        assert (seen.problem, seen.noexec, seen.stale) == (None, False, ())
        assert seen.filesystem
        assert seen.free
        assert list(tmp_path.iterdir()) == []

    def test_a_file_in_its_place_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "a").touch()
        assert see_cache(tmp_path / "a", thorough=False).problem == f"{tmp_path / 'a'} is no folder"
        (tmp_path / "locks").touch()
        assert see_cache(tmp_path, thorough=False).problem == f"{tmp_path / 'locks'} is no folder"

    @pytest.mark.parametrize(
        ("place", "kind", "noexec"),
        [("/home/me", "ext4", False), ("/home/my cache/x", "nfs4", True), ("/home/twice", "tmpfs", False), ("/homes", "ext4", False)],
    )
    def test_the_closest_and_last_mount_says_what_it_is_on(self, place: str, kind: str, *, noexec: bool) -> None:
        mounts = """22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:40 / /home/my\\040cache rw,noexec,relatime - nfs4 server:/x rw
24 22 0:41 / /home/twice rw,noexec - xfs /dev/b rw
25 22 0:42 / /home/twice rw - tmpfs tmpfs rw
"""
        assert mounted(mounts, Path(place)) == (kind, ["rw", "noexec", "relatime"] if noexec else ["rw"] if kind == "tmpfs" else ["rw", "relatime"])

    def test_locks_that_nobody_holds_and_dead_sessions_are_told(self, tmp_path: Path) -> None:
        own, dead = Session.open(tmp_path), Session.open(tmp_path)
        dead._lock.release()
        (tmp_path / "locks").mkdir()
        (tmp_path / "locks" / "image-1.lock").touch()
        assert see_cache(tmp_path, thorough=True, own=own.id).stale == (dead.id, "image-1.lock")
        assert see_cache(tmp_path, thorough=False).stale == ()
        assert (tmp_path / "locks" / "image-1.lock").exists()
        own.close()
