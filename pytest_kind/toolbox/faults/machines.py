"""A node that is off, dead or frozen."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from pytest_kind.errors import UsageError
from pytest_kind.toolbox.faults.causing import Fault, caused, machines_of, state, well

if TYPE_CHECKING:
    from pytest_kind.boot.context import BootMachine
    from pytest_kind.handle import KindCluster
    from pytest_kind.node import KindNode


def halted(cluster: KindCluster, node: KindNode, word: str, halt: Callable[[], None], *, wait: bool, timeout: float) -> AbstractContextManager[None]:
    """A node that does not run, until the block ends.

    Args:
        word: the method's name, for messages.
        halt: what stops it.
    """
    what = f"{word}() of {node.name}"
    renewal = cluster._site.renewal  # noqa: SLF001
    (machine,) = machines_of(cluster, what, [node.name])

    def begin() -> None:
        found = state(cluster, machine)
        if found != "running":
            raise UsageError(f"{what}: the node is {found}; it must run")
        if renewal is not None:
            renewal.leave_out(machine.container)
        halt()

    def undo() -> None:
        if bring_back(cluster, machine) and renewal is not None:
            renewal.take_in(machine.container)

    return caused(cluster, Fault(what=what, begin=begin, undo=undo, waits=well(cluster, timeout) if wait else {}, machines=[machine]))


def bring_back(cluster: KindCluster, machine: BootMachine) -> bool:
    """Has a machine run again, whatever was done to it; says whether it is still there."""
    provider, found = cluster._site.provider, state(cluster, machine)  # noqa: SLF001
    if found == "paused":
        provider.unpause(machine.container)
    elif found not in {"running", "gone"}:
        provider.start(machine.container)
    return found != "gone"
