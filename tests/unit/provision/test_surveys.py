"""What a Docker engine says of itself, in this package's words, without an engine."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import docker.errors
import pytest

from pytest_kind import errors
from pytest_kind.provision.docker_engine import DockerEngine
from pytest_kind.provision.provider import Network
from pytest_kind.provision.survey import Published, Survey

INFO = {
    "ServerVersion": "26.1.5+dfsg1",
    "OperatingSystem": "Debian GNU/Linux 12 (bookworm)",
    "KernelVersion": "6.18.44",
    "SecurityOptions": ["name=seccomp,profile=builtin"],
    "CgroupVersion": "2",
    "MemoryLimit": True,
    "CpuCfsQuota": True,
    "CPUSet": True,
    "PidsLimit": True,
    "Driver": "overlay2",
    "DriverStatus": [["Backing Filesystem", "extfs"]],
    "NCPU": 2,
    "MemTotal": 25276502016,
    "DockerRootDir": "/var/lib/docker",
    "HttpProxy": "",
    "HttpsProxy": "http://proxy:3128",
    "IPv4Forwarding": True,
}
NETWORK = {
    "Name": "bridge",
    "IPAM": {"Config": [{"Subnet": "172.17.0.0/16", "Gateway": "172.17.0.1"}, {"Subnet": "fd00::/64", "Gateway": "fd00::1/64"}]},
}
CONTAINER = {
    "Id": "a" * 64,
    "Names": ["/web"],
    "Ports": [{"IP": "127.0.0.1", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}, {"PrivatePort": 90, "Type": "tcp"}],
}


class Api:
    """In docker-py's place."""

    base_url = "http+docker://localhost"

    def __init__(self, info: dict[str, Any], components: list[str]) -> None:
        self._info, self._components = info, components

    def info(self) -> dict[str, Any]:
        return {"SystemTime": datetime.now(UTC).isoformat().replace("+00:00", "123Z"), **self._info}

    def version(self) -> dict[str, Any]:
        return {"ApiVersion": "1.45", "Components": [{"Name": name} for name in self._components]}

    def networks(self) -> list[dict[str, Any]]:
        return [NETWORK, {"Name": "host", "IPAM": {"Config": None}}]

    def containers(self) -> list[dict[str, Any]]:
        return [CONTAINER]

    def images(self, *, all: bool) -> list[dict[str, Any]]:  # noqa: A002 - docker-py's
        assert all
        return [{"Id": "sha256:1", "Size": 7}]


@pytest.fixture(autouse=True)
def _no_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))  # nor a context of the user's


def survey(components: list[str] | None = None, **info: Any) -> Survey:
    return DockerEngine(Api({**INFO, **info}, components or ["Engine", "containerd"])).survey()  # type: ignore[arg-type]


def test_everything_is_read() -> None:
    assert survey() == Survey(
        name="Docker 26.1.5+dfsg1",
        product="Docker",
        version="26.1.5+dfsg1",
        api="1.45",
        address="unix:///var/run/docker.sock",
        local=True,
        system="Debian GNU/Linux 12 (bookworm)",
        kernel="6.18.44",
        rootless=False,
        userns=False,
        selinux=False,
        cgroup_version=2,
        lacks=(),
        storage_driver="overlay2",
        image_store="docker",
        cpus=2,
        memory=25276502016,
        root="/var/lib/docker",
        ahead=0.0,
        proxies={"HTTPS_PROXY": "http://proxy:3128"},
        open_to=(),
        forwards=True,
        networks={
            "bridge": Network(subnets=("172.17.0.0/16", "fd00::/64"), gateways=("172.17.0.1", "fd00::1")),
            "host": Network(subnets=(), gateways=()),
        },
        published=(Published(port=8080, protocol="tcp", address="127.0.0.1", container="web"),),
        image_bytes={"sha256:1": 7},
    )


@pytest.mark.parametrize(
    ("said", "field", "value"),
    [
        ({"SecurityOptions": ["name=rootless"]}, "rootless", True),
        ({"SecurityOptions": ["name=userns"]}, "userns", True),
        ({"SecurityOptions": ["name=selinux"]}, "selinux", True),
        ({"SecurityOptions": None}, "rootless", False),
        ({"MemoryLimit": False, "PidsLimit": False}, "lacks", ("memory", "pids")),
        ({"IPv4Forwarding": False}, "forwards", False),
        ({"DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]}, "image_store", "containerd"),
        ({"DriverStatus": None}, "image_store", "docker"),
        (
            {
                "Warnings": [
                    "WARNING: API is accessible on http://0.0.0.0:2375 without encryption.\n         Access …",
                    "WARNING: No swap limit support",
                ]
            },
            "open_to",
            ("http://0.0.0.0:2375",),
        ),
        ({"SystemTime": "no time"}, "ahead", 0.0),
        ({"CgroupVersion": ""}, "cgroup_version", 1),
    ],
)
def test_what_is_not_as_usual(said: dict[str, Any], field: str, value: object) -> None:
    assert getattr(survey(**said), field) == value


@pytest.mark.parametrize("seconds", [100, -100])
def test_another_clock_is_told_by_how_much(seconds: int) -> None:
    there = datetime.fromtimestamp(time.time() + seconds, UTC).isoformat().replace("+00:00", "Z")
    assert survey(SystemTime=there).ahead == pytest.approx(seconds, abs=5)


def test_what_speaks_its_api_is_told_by_its_parts() -> None:
    found = survey(["Podman Engine", "Conmon"], ServerVersion="5.0.1")
    assert (found.product, found.name) == ("Podman", "Podman 5.0.1")


def test_an_address_that_was_given_is_the_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://build:2376")
    assert survey().address == "tcp://build:2376"


def test_its_errors_are_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Api) -> None:
        raise docker.errors.DockerException("odd")

    monkeypatch.setattr(Api, "networks", refuse)
    with pytest.raises(errors.EngineError, match="asking the engine what it is and what it has: the engine's connection failed: odd"):
        survey()
