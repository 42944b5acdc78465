"""What all faults have in common: they end with their block, and what could not be undone is said.

Nothing of a fault is written where it outlives its node's start, but for the manifests of static pods (``components.py``). So
a node that was started anew in the middle is well, and undoing does what is still to be done, whatever became of the node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_kind import nodes
from pytest_kind.diagnose.evidence import node_evidence
from pytest_kind.errors import CommandError, KindError, UsageError

if TYPE_CHECKING:
    from pytest_kind.boot.context import BootMachine
    from pytest_kind.handle import KindCluster

_COMMAND_SECONDS = 30.0
WELL = "the cluster is well"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault, planned.

    Attributes:
        what: as its user wrote it, for messages.
        begin: causes it.
        undo: takes back what is there of it, also of one that began halfway.
        waits: what is waited for afterwards, by a name of it: two faults that ask for the same wait once.
        machines: those that it is about: they give evidence where waiting fails.
    """

    what: str
    begin: Callable[[], None]
    undo: Callable[[], None]
    waits: dict[str, Callable[[], None]] = field(default_factory=dict)
    machines: Sequence[BootMachine] = ()


@contextmanager
def caused(cluster: KindCluster, fault: Fault) -> Iterator[None]:
    """The fault, until the block ends, however it ends.

    Where several overlap, the last that ends waits for what all of them broke. Who is interrupted does not wait.

    Raises:
        UsageError: other workers of xdist use the cluster.
        KindError: it could not be undone, or the cluster did not get well. Where the block failed, its error has that as a note.
    """
    site = cluster._site  # noqa: SLF001 - faults are the handle's own hands, as nodes.py is
    if site.shared:
        raise UsageError(
            f"{fault.what}: other workers of xdist use cluster {cluster.name}: mark the test @pytest.mark.kind(fresh=True), "
            "then its worker has a cluster of its own for it, or run with --kind-per-worker"
        )
    cluster.wait_for_dns()
    if site.freezing is not None:  # what is read for copies must be of a cluster that is well
        site.freezing.wait()
    site.faults.append(fault.what)
    began = False
    try:
        fault.begin()
        began = True
        yield
    except BaseException as error:
        left = _end(cluster, fault, wait=began and not isinstance(error, (KeyboardInterrupt, SystemExit)))
        if left is not None:
            error.add_note(str(left))
        raise
    left = _end(cluster, fault, wait=True)
    if left is not None:
        raise left


def _end(cluster: KindCluster, fault: Fault, *, wait: bool) -> KindError | None:
    """Undoes it, and waits if nothing else is broken any more. What went wrong is returned: the block's own error goes first."""
    site = cluster._site  # noqa: SLF001
    site.faults.remove(fault.what)
    failed = None
    try:
        fault.undo()
    except KindError as error:
        wait, failed = False, KindError(f"{fault.what}: could not be undone: {error}")
    if wait:
        site.unwell.update(fault.waits)
    if site.faults:
        return failed
    waits = list(site.unwell.values()) if wait else []
    site.unwell.clear()
    try:
        for until_well in waits:
            until_well()
    except KindError as error:
        evidence = [node_evidence(site.provider, one.container, one.name) for one in fault.machines]
        return KindError("\n".join([f"{fault.what}: is undone, but: {error}", *filter(None, evidence)]))
    return failed


def well(cluster: KindCluster, timeout: float) -> dict[str, Callable[[], None]]:
    """Waiting until the whole cluster is well."""
    return {WELL: lambda: nodes.wait_until_well(cluster, timeout)}


def run(cluster: KindCluster, machine: BootMachine, argv: Sequence[str], seconds: float = _COMMAND_SECONDS) -> str:
    """A command on a machine that must succeed. Returns its standard output.

    Raises:
        CommandError: it did not.
    """
    result = cluster._site.provider.exec(machine.container, argv, seconds=seconds)  # noqa: SLF001
    if result.code:
        raise CommandError(machine.name, argv, result.code, result.output)
    return result.stdout


def state(cluster: KindCluster, machine: BootMachine) -> str:
    """The engine's word for the state of a machine: ``running``, ``paused``, ``exited``; ``gone`` where it was removed."""
    found = cluster._site.provider.container(machine.container)  # noqa: SLF001
    return "gone" if found is None else found.state


def remembers(cluster: KindCluster, machine: BootMachine) -> bool:
    """Whether what is in a machine's memory, network and temporary files can still be there."""
    return state(cluster, machine) not in {"gone", "exited"}


def each(do: Callable[[BootMachine], object], machines: Sequence[BootMachine]) -> None:
    """Does something to every machine, whatever happens with the others.

    Raises:
        KindError: what failed; all of it in one message.
    """
    wrong = []
    for one in machines:
        try:
            do(one)
        except KindError as error:
            wrong.append(str(error))
    if wrong:
        raise KindError("; ".join(wrong))


def machines_of(cluster: KindCluster, what: str, names: Sequence[str]) -> list[BootMachine]:
    """The machines of those names, the load balancer's among them.

    Raises:
        UsageError: there is none of a name.
    """
    known = {one.name: one for one in cluster._machines}  # noqa: SLF001
    unknown = [repr(name) for name in names if name not in known]
    if unknown:
        raise UsageError(f"{what}: {', '.join(unknown)} is no machine of cluster {cluster.name}; its machines are {', '.join(known)}")
    return [known[name] for name in dict.fromkeys(names)]
