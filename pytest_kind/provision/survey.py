"""What an engine says of itself and of its machine: everything that the doctor judges it by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_kind.provision.provider import Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A port that a container publishes on the engine's machine."""

    port: int
    protocol: str
    address: str
    container: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """An engine.

    Attributes:
        name: for people: ``Docker 26.1.5``.
        product: ``Docker``, or what else speaks its API: ``Podman``.
        version: of the engine, ``26.1.5``.
        api: the newest version of the API that it speaks, ``1.45``.
        address: where it is reached.
        local: whether ports that it publishes on loopback are on this machine's loopback.
        system: the operating system of its machine, as the engine names it.
        kernel: its release.
        rootless: whether the engine runs without root.
        userns: whether it gives containers user ids of their own (``userns-remap``).
        selinux: whether it confines containers by SELinux.
        cgroup_version: ``1`` or ``2``.
        lacks: what of the resources that Kubernetes bounds it cannot bound: ``memory``, ``cpu``, ``cpuset``, ``pids``.
        storage_driver: such as ``overlay2``.
        image_store: ``containerd``, or the engine's own: ``docker``.
        cpus: how many.
        memory: bytes, of the whole machine.
        root: the folder on its machine where its data lies.
        ahead: seconds by which its clock is ahead of this machine's.
        proxies: its own proxies: ``HTTP_PROXY``, ``HTTPS_PROXY``, ``NO_PROXY``.
        open_to: addresses at which it listens without TLS, other than loopback; as it warns itself.
        forwards: whether its machine forwards packets (IPv4).
        networks: its networks by name.
        published: the ports that containers have.
        image_bytes: the size of each image, by id.
    """

    name: str
    product: str
    version: str
    api: str
    address: str
    local: bool
    system: str
    kernel: str
    rootless: bool
    userns: bool
    selinux: bool
    cgroup_version: int
    lacks: tuple[str, ...]
    storage_driver: str
    image_store: str
    cpus: int
    memory: int
    root: str
    ahead: float
    proxies: Mapping[str, str]
    open_to: tuple[str, ...]
    forwards: bool
    networks: Mapping[str, Network]
    published: tuple[Published, ...]
    image_bytes: Mapping[str, int]
