"""What kind of an engine it is, and whether it can run nodes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_kind.diagnose.doctor.facts import Facts
from pytest_kind.diagnose.doctor.finding import Finding, Rule, Severity
from pytest_kind.provision.survey import Survey

# `cgroupns` of a container: API 1.41, Docker 20.10. The folders of mounts made on demand: API 1.42, Docker 23.
_OLDEST_API, _WHOLE_API = (1, 41), (1, 42)
# Until then a privileged container was given every capability that the kernel knows, whether the engine has it or not.
_ASKS_FOR_ALL = 23
_SYS_RESOURCE = 1 << 24
# What nodes' own overlays lie on, tried; the containerd image store calls it overlayfs.
_DRIVERS = {"overlay2", "overlayfs", "overlay", "fuse-overlayfs"}

OLD = Rule(
    id="engine-old",
    severity=Severity.ERROR,
    what="the engine's API is older than 1.41 (Docker 20.10)",
    why="it cannot give a container a cgroup namespace of its own, which systemd in a node needs",
    remedy="install Docker 23 or newer; 26.1 is what this project is verified with",
    early=True,
)
AGING = Rule(
    id="engine-aging",
    severity=Severity.WARNING,
    what="the engine's API is older than 1.42 (Docker 23), and the configuration mounts folders",
    why="such an engine does not make a mount's folder that is not there: the container is refused",
    remedy="install Docker 23 or newer, or make the folders of extraMounts beforehand",
    early=True,
)
PODMAN = Rule(
    id="engine-podman",
    severity=Severity.WARNING,
    what="the engine is Podman",
    why="it speaks Docker's API and differs in details; this project is not verified with it",
    remedy="use Docker where a cluster misbehaves: DOCKER_HOST, `docker context use`",
    early=True,
)
ROOTLESS = Rule(
    id="engine-rootless",
    severity=Severity.WARNING,
    what="the engine runs without root",
    why="nodes then lack what only root may (limits, modules, some mounts); this project is not verified with it, and it takes cgroup v2",
    remedy="https://kind.sigs.k8s.io/docs/user/rootless/ has what such an engine needs; or use one with root",
    early=True,
)
USERNS = Rule(
    id="engine-userns",
    severity=Severity.ERROR,
    what="the engine maps user ids (userns-remap)",
    why="it starts no privileged container in a user namespace, and nodes are privileged",
    remedy='take "userns-remap" out of /etc/docker/daemon.json and restart the engine',
    early=True,
)
OPEN = Rule(
    id="engine-open",
    severity=Severity.WARNING,
    what="the engine listens on the network without TLS",
    why="whoever reaches that port is root on the engine's machine",
    remedy="take the tcp:// address out of the engine's `hosts`, or give it TLS; ssh:// needs neither",
)
PRIVILEGED = Rule(
    id="privileged",
    severity=Severity.ERROR,
    what="the engine starts no privileged container",
    why="nodes are privileged containers: they mount, and set limits and routes",
    remedy="where the machine is a container or sandbox itself, it needs more rights; an engine of Docker 26.1 asks for no more than it has",
)
DRIVER = Rule(
    id="storage-driver",
    severity=Severity.WARNING,
    what="the engine's storage driver is none of the overlay kind",
    why="`vfs` copies a whole image for each node (time, and gigabytes); on others containerd in a node was not tried",
    remedy='set "storage-driver": "overlay2" in /etc/docker/daemon.json and restart the engine; its images are then to be had anew',
    early=True,
)
SELINUX = Rule(
    id="selinux-mounts",
    severity=Severity.WARNING,
    what="the engine confines containers by SELinux, and a mount is not relabelled",
    why="processes of the cluster are denied files that have another label",
    remedy="set selinuxRelabel: true in the configuration's extraMounts (not on system folders: it changes their labels)",
    early=True,
)
RULES = (OLD, AGING, PODMAN, ROOTLESS, USERNS, OPEN, PRIVILEGED, DRIVER, SELINUX)


def engines(facts: Facts) -> Iterator[Finding]:
    """The engine that answers."""
    engine = facts.engine
    if engine is None:
        return
    at = f"{engine.name} at {engine.address}"
    for rule, is_so, found in (
        (PODMAN, engine.product == "Podman", at),
        (ROOTLESS, engine.rootless, at),
        (USERNS, engine.userns, at),
        (OPEN, bool(engine.open_to), ", ".join(engine.open_to)),
        (DRIVER, engine.storage_driver not in _DRIVERS, f"{engine.storage_driver!r}"),
    ):
        if is_so:
            yield rule.found(found)
    yield from _privileged(facts, engine)
    yield from _mounts(facts, engine)


def _privileged(facts: Facts, engine: Survey) -> Iterator[Finding]:
    machine = facts.machine
    if machine.refused is not None:
        yield PRIVILEGED.found(machine.refused)
    elif engine.product == "Docker" and _major(engine.version) < _ASKS_FOR_ALL and not _has_resource(machine.capabilities):
        yield PRIVILEGED.found(f"{engine.name} asks for CAP_SYS_RESOURCE, which it does not have itself", "install Docker 26.1 or newer")


def _mounts(facts: Facts, engine: Survey) -> Iterator[Finding]:
    mounts = [mount for node in facts.wanted.config.nodes for mount in node.extra_mounts]
    api = tuple(int(part) for part in re.findall(r"\d+", engine.api)[:2])
    if api and api < _OLDEST_API:
        yield OLD.found(f"{engine.name} speaks API {engine.api}")
    elif api and api < _WHOLE_API and mounts:
        yield AGING.found(f"{engine.name} speaks API {engine.api}")
    bare = [mount.host_path for mount in mounts if not mount.selinux_relabel]
    if engine.selinux and bare:
        yield SELINUX.found(f"extraMounts: {', '.join(bare)}")


def _major(version: str) -> int:
    found = re.match(r"\d+", version)
    return int(found[0]) if found else _ASKS_FOR_ALL


def _has_resource(capabilities: int | None) -> bool:
    return capabilities is None or bool(capabilities & _SYS_RESOURCE)
