"""Disk, memory and processors of the engine's machine against what is to run there."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_kind.diagnose.doctor.facts import Facts
from pytest_kind.diagnose.doctor.finding import Finding, Rule, Severity

MIB, GIB = 1 << 20, 1 << 30
# Measured on v1.37.1, without the tests' own pods: the memory of a node, and what it writes while it boots.
MEMORY_OF = {"control-plane": 500 * MIB, "worker": 250 * MIB}
DISK_OF_NODE, DISK_OF_IMAGE = 200 * MIB, 2 * GIB
_INODES_OF_NODE = 20_000

DISK = Rule(
    id="disk-full",
    severity=Severity.ERROR,
    what="there is not enough room where the engine's data lies",
    why="the node image or a node's own data does not fit: etcd stops, images cannot be unpacked",
    remedy="`docker system df` shows what takes it; `pytest-kind gc --images`, `docker image prune`",
    early=True,
)
DISK_LOW = Rule(
    id="disk-low",
    severity=Severity.WARNING,
    what="there is little room where the engine's data lies",
    why="images and data of the tests' own pods come on top of what nodes take",
    remedy="`docker system df` shows what takes it; `pytest-kind gc --images`, `docker image prune`",
    early=True,
)
INODES = Rule(
    id="disk-inodes",
    severity=Severity.WARNING,
    what="there are few free inodes where the engine's data lies",
    why="`no space left on device`, with room on the disk: images are many small files",
    remedy="`docker image prune` and `docker builder prune` remove many files at once",
    early=True,
)
MEMORY = Rule(
    id="memory",
    severity=Severity.WARNING,
    what="the engine's machine has less free memory than the nodes take",
    why="the kernel kills the largest program when it runs out, which is the API server as a rule",
    remedy="end other programs or kept clusters (`pytest-kind get`), take fewer nodes, or give the machine (Docker Desktop: its VM) more",
    early=True,
)
NODE_MEMORY = Rule(
    id="memory-of-nodes",
    severity=Severity.WARNING,
    what="the nodes' own bounds (`memory` in the configuration) are more than the machine has",
    why="pods are scheduled against memory that is not there",
    remedy="lower `memory` of the nodes",
    early=True,
)
WORKERS = Rule(
    id="memory-of-workers",
    severity=Severity.WARNING,
    what="so many clusters beside each other as the run's workers have take more memory than the machine has",
    why="900 MB for each node is what tests were seen to take; the kernel kills programs when memory runs out",
    remedy="lower --kind-max-clusters or xdist's -n, or leave --kind-max-clusters out: it then follows from memory and processors",
    early=True,
)
CPUS = Rule(
    id="cpus-of-nodes",
    severity=Severity.ERROR,
    what="a node's own bound (`cpus` in the configuration) is more than the machine has",
    why="the engine refuses such a container",
    remedy="lower `cpus` of the node, or leave it out",
    early=True,
)
FEW_CPUS = Rule(
    id="cpus",
    severity=Severity.WARNING,
    what="the engine's machine has one processor",
    why="a boot takes twice as long as on two, and may be over its time (--kind-timeout)",
    remedy="give the machine (Docker Desktop: its VM) two, or more time: --kind-timeout=300",
    early=True,
)
RULES = (DISK, DISK_LOW, INODES, MEMORY, NODE_MEMORY, WORKERS, CPUS, FEW_CPUS)
_BYTES_OF_WORKER_NODE = 900 * MIB  # as controller.py reckons


def room(facts: Facts) -> Iterator[Finding]:
    """Whether it fits."""
    yield from _disk(facts)
    wanted, engine, machine = facts.wanted, facts.engine, facts.machine
    takes = wanted.clusters * sum(MEMORY_OF[node.role] for node in wanted.config.nodes)
    if machine.memory_free is not None and machine.memory_free < takes:
        yield MEMORY.found(f"{_size(machine.memory_free)} free, {wanted.nodes} nodes take about {_size(takes)}")
    if engine is None:
        return
    bounds = wanted.clusters * sum(node.memory_bytes or 0 for node in wanted.config.nodes)
    if bounds > engine.memory > 0:
        yield NODE_MEMORY.found(f"{_size(bounds)} together, the machine has {_size(engine.memory)}")
    if wanted.clusters > 1 and wanted.nodes * _BYTES_OF_WORKER_NODE > engine.memory > 0:
        yield WORKERS.found(
            f"{wanted.clusters} clusters ({wanted.clusters_from}) of {len(wanted.config.nodes)} nodes, the machine has {_size(engine.memory)}"
        )
    most = max((node.cpus or 0.0 for node in wanted.config.nodes), default=0.0)
    if most > engine.cpus > 0:
        yield CPUS.found(f"cpus: {most:g}, the machine has {engine.cpus}")
    if engine.cpus == 1:
        yield FEW_CPUS.found(f"{engine.name} has 1 processor")


def _disk(facts: Facts) -> Iterator[Finding]:
    machine, wanted = facts.machine, facts.wanted
    where = f"in {facts.engine.root}" if facts.engine is not None and facts.engine.root else "where the engine's data lies"
    image = DISK_OF_IMAGE if facts.holdings.image is False else 0
    takes = wanted.nodes * DISK_OF_NODE + image
    if machine.disk_free is not None:
        said = f"{_size(machine.disk_free)} free {where}; {wanted.nodes} nodes{' and the node image' if image else ''} take about {_size(takes)}"
        if machine.disk_free < takes:
            yield DISK.found(said)
        elif machine.disk_free < 2 * takes + GIB:
            yield DISK_LOW.found(said)
    if machine.inodes_free is not None and machine.inodes_free < wanted.nodes * _INODES_OF_NODE:
        yield INODES.found(f"{machine.inodes_free} free {where}")


def _size(count: int) -> str:
    return f"{count / GIB:.1f} GiB" if count >= GIB else f"{count / MIB:.0f} MiB"
