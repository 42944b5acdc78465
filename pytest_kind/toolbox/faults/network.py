"""Nodes that do not reach each other, and nodes that are slow to reach.

A machine drops what arrives from another one's link address, which is constant (``provision/places.py``): that is everything that
the other sends, pods' traffic too, and nothing of what anybody else does. The rules are in its network namespace, and gone with
it when it is started anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from pytest_kind.errors import CommandError, UsageError
from pytest_kind.node import KindNode
from pytest_kind.toolbox.faults.causing import Fault, caused, each, machines_of, remembers, run, well

if TYPE_CHECKING:
    from pytest_kind.boot.context import BootMachine
    from pytest_kind.handle import KindCluster

Nodes = KindNode | str | Iterable[KindNode | str]
"""A node, its name, or several of them."""

# Before connections are tracked, so that those that are there end too. Arguments: link addresses.
_TABLES = "for t in iptables ip6tables; do [ $t = iptables ] || [ -e /proc/net/if_inet6 ] || continue; for mac; do"
_RULE = 'PREROUTING --match mac --mac-source "$mac" --jump DROP'
_CUT = f"set -e; {_TABLES} $t --wait --table raw --insert {_RULE}; done; done"
_MEND = f"set -e; {_TABLES} ! $t --wait --table raw --check {_RULE} 2>/dev/null || $t --wait --table raw --delete {_RULE}; done; done"

_LINK = "link=$(ip -o -4 route show default | awk '{print $5; exit}'); link=${link:-eth0}"
_SLOW = f'{_LINK}; exec tc qdisc add dev "$link" root netem "$@"'
_QUICK = f'{_LINK}; tc qdisc show dev "$link" | grep -q "^qdisc netem .* root" || exit 0; exec tc qdisc delete dev "$link" root'
_NO_NETEM = ("qdisc kind is unknown", "Unknown qdisc")
_LONGEST = 60.0


def partition(cluster: KindCluster, one: Nodes, other: Nodes, *, wait: bool, timeout: float) -> AbstractContextManager[None]:
    """Two groups of machines that do not reach each other.

    Raises:
        UsageError: a name that is none, a group of nobody, a machine on both sides.
    """
    groups = [_names(one), _names(other)]
    what = f"partition({', '.join('[' + ', '.join(names) + ']' for names in groups)})"
    both = sorted({*groups[0]} & {*groups[1]})
    wrong = [f"{', '.join(both)} is on both sides"] if both else []
    wrong += ["each side takes at least one node"] if not all(groups) else []
    if wrong:
        raise UsageError(f"{what}: {'; '.join(wrong)}")
    return _apart(cluster, what, machines_of(cluster, what, groups[0]), machines_of(cluster, what, groups[1]), wait=wait, timeout=timeout)


def isolated(cluster: KindCluster, node: KindNode | str, *, wait: bool, timeout: float) -> AbstractContextManager[None]:
    """A machine that reaches no other one.

    Raises:
        UsageError: there is none of that name, or no other one.
    """
    (name,) = _names(node)
    what = f"isolated({name})"
    (machine,) = machines_of(cluster, what, [name])
    others = [one for one in cluster._machines if one is not machine]  # noqa: SLF001
    if not others:
        raise UsageError(f"{what}: cluster {cluster.name} has no other node")
    return _apart(cluster, what, [machine], others, wait=wait, timeout=timeout)


def _names(nodes: Nodes) -> list[str]:
    several = [nodes] if isinstance(nodes, (KindNode, str)) else list(nodes)
    return list(dict.fromkeys(one.name if isinstance(one, KindNode) else one for one in several))


def _apart(
    cluster: KindCluster, what: str, one: Sequence[BootMachine], other: Sequence[BootMachine], *, wait: bool, timeout: float
) -> AbstractContextManager[None]:
    machines = [*one, *other]
    unheard = {machine.name: [peer.machine.place.mac for peer in others] for side, others in ((one, other), (other, one)) for machine in side}

    def rules(script: str) -> Callable[[BootMachine], str]:
        return lambda machine: run(cluster, machine, ["sh", "-c", script, "partition", *unheard[machine.name]])

    return caused(
        cluster,
        Fault(
            what=what,
            begin=lambda: each(rules(_CUT), machines),
            undo=lambda: each(rules(_MEND), [machine for machine in machines if remembers(cluster, machine)]),
            waits=well(cluster, timeout) if wait else {},
            machines=machines,
        ),
    )


def slow(
    cluster: KindCluster, node: KindNode, *, delay: float, jitter: float, loss: float, wait: bool, timeout: float
) -> AbstractContextManager[None]:
    """A node that sends late, or not everything.

    Raises:
        UsageError: values that are not accepted, or the kernel has no netem.
    """
    what = f"slow() of {node.name}"
    wrong = [
        f"{name}: {value!r} is not accepted; accepted are seconds from 0 to {_LONGEST:g}"
        for name, value in (("delay", delay), ("jitter", jitter))
        if not 0 <= value <= _LONGEST
    ]
    wrong += [f"loss: {loss!r} is not accepted; accepted is a share from 0 to 1"] if not 0 <= loss <= 1 else []
    wrong += ["one of delay and loss must be more than 0"] if not wrong and not (delay or loss) else []
    if wrong:
        raise UsageError(f"{what}: {'; '.join(wrong)}")
    (machine,) = machines_of(cluster, what, [node.name])
    words = ["delay", f"{delay * 1000:g}ms", f"{jitter * 1000:g}ms", "loss", f"{loss * 100:g}%"]

    def begin() -> None:
        try:
            run(cluster, machine, ["sh", "-c", _SLOW, "slow", *words])
        except CommandError as error:
            if any(sign in error.output for sign in _NO_NETEM):
                raise UsageError(
                    f"{what}: the kernel of the engine's machine has no netem (module sch_netem, CONFIG_NET_SCH_NETEM): "
                    "there it cannot be caused; partition() and paused() need nothing of the kernel's"
                ) from error
            raise

    def undo() -> None:
        if remembers(cluster, machine):
            run(cluster, machine, ["sh", "-c", _QUICK])

    return caused(cluster, Fault(what=what, begin=begin, undo=undo, waits=well(cluster, timeout) if wait else {}, machines=[machine]))
