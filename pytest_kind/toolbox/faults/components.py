"""Parts of the control plane that are down or begin anew, and a cluster without DNS.

A control plane is units of its node or static pods (``boot/units.py``). A unit is stopped; a static pod's manifest is moved
aside, as one does on a real cluster (https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/), and its process ended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from pytest_kind import nodes
from pytest_kind.boot.context import side_by_side
from pytest_kind.boot.units import PROGRAMS
from pytest_kind.errors import CommandError, KindError, UsageError
from pytest_kind.image.archive import texts_archive
from pytest_kind.node import KindNode
from pytest_kind.toolbox.faults.causing import Fault, caused, each, machines_of, run, state, well
from pytest_kind.waiting import Deadline, NotYet, wait_for

if TYPE_CHECKING:
    from pytest_kind.boot.context import BootMachine
    from pytest_kind.handle import KindCluster

_MANIFESTS = "/etc/kubernetes/manifests"
_ASIDE = "/etc/kubernetes/pytest-kind-down"
_END_SECONDS = 30.0
_POLL_SECONDS = 0.2

# The running containers of the name $1 in kube-system.
_CONTAINERS = (
    "found=$(ctr --namespace k8s.io containers list --quiet "
    '"labels.\\"io.kubernetes.container.name\\"==$1,labels.\\"io.kubernetes.pod.namespace\\"==kube-system"); '
    "running=$(ctr --namespace k8s.io tasks list | awk '$3 == \"RUNNING\" {print $1}'); "
    'ids=$(for id in $found; do echo "$running" | grep -x "$id"; done || true); '
)
# An engine under load was seen to lose what a command wrote that ended at once: an answer has an end.
_LIST = f"{_CONTAINERS} echo $ids ."
_KILL = f"{_CONTAINERS} for id in $ids; do ctr --namespace k8s.io tasks kill --signal SIGKILL $id; done; echo $ids ."
# They print what was done: the unit's end, or the static pod's manifest.
_DOWN = f"""set -e
if [ -e "/etc/systemd/system/$1.service" ]; then exec systemctl stop "$1.service"; fi
cat "{_MANIFESTS}/$1.yaml"
mkdir -p {_ASIDE}
mv "{_MANIFESTS}/$1.yaml" {_ASIDE}/"""
_UP = f"""set -e
if [ -e "/etc/systemd/system/$1.service" ]; then exec systemctl start "$1.service"; fi
[ ! -e "{_ASIDE}/$1.yaml" ] || mv "{_ASIDE}/$1.yaml" {_MANIFESTS}/
rmdir {_ASIDE} 2>/dev/null || true"""
RESTART = f"""set -e
if [ -e "/etc/systemd/system/$1.service" ]; then systemctl kill --signal=SIGKILL "$1.service"; exit; fi
[ -e "{_MANIFESTS}/$1.yaml" ]
{_KILL}"""
# Each answers on its own node, to everybody.
_HEALTH = {
    "etcd": "curl --silent --show-error --fail --max-time 2 http://127.0.0.1:2381/health",
    "kube-apiserver": "kubectl --kubeconfig /etc/kubernetes/admin.conf --server https://localhost:6443 --request-timeout 2s get --raw /readyz",
    "kube-controller-manager": "curl --silent --show-error --fail --insecure --max-time 2 https://localhost:10257/healthz",
    "kube-scheduler": "curl --silent --show-error --fail --insecure --max-time 2 https://localhost:10259/healthz",
}
# What everything else in the cluster hangs on: after these all of it has to get well.
_VITAL = {"etcd", "kube-apiserver"}
_DNS = ("--namespace", "kube-system")
# Asks the DNS Service from the node; arguments: its address. Ends with 0 when it was answered within a second or two.
_ASK = 'exec /kind/pytest-kind/dns-ready "$1" kubernetes.default.svc.cluster.local 1 here'


def down(cluster: KindCluster, component: str, node: KindNode | str | None, *, wait: bool, timeout: float) -> AbstractContextManager[None]:
    """A part of the control plane that does not run, on one control plane or on all that run.

    Raises:
        UsageError: there is no such part, or the node is no control plane that runs.
    """
    what = f"component_down({component!r})"
    manifests: dict[str, str] = {}
    machines: list[BootMachine] = []

    def begin() -> None:
        machines.extend(control_planes(cluster, what, component, node))
        for one in machines:
            manifests[one.name] = run(cluster, one, ["sh", "-c", _DOWN, "down", component])
        side_by_side(lambda one: _end_containers(cluster, one, component), machines)

    def undo() -> None:
        each(lambda one: _put_back(cluster, one, component, manifests.get(one.name, "")), machines)

    return caused(
        cluster, Fault(what=what, begin=begin, undo=undo, waits=_waits(cluster, component, machines, timeout) if wait else {}, machines=machines)
    )


def restarted(cluster: KindCluster, component: str, node: KindNode | str | None, *, wait: bool, timeout: float) -> AbstractContextManager[None]:
    """A part of the control plane whose process is killed, so that it is started anew, on one control plane or on all that run.

    Raises:
        UsageError: as :func:`down`.
    """
    what = f"component_restarted({component!r})"
    machines: list[BootMachine] = []

    def begin() -> None:
        machines.extend(control_planes(cluster, what, component, node))
        each(lambda one: run(cluster, one, ["sh", "-c", RESTART, "restart", component]), machines)

    return caused(
        cluster,
        Fault(what=what, begin=begin, undo=lambda: None, waits=_waits(cluster, component, machines, timeout) if wait else {}, machines=machines),
    )


def dns_down(cluster: KindCluster, *, wait: bool, timeout: float) -> AbstractContextManager[None]:
    """A cluster whose DNS servers are gone.

    Raises:
        UsageError: it has none.
    """
    what = "dns_down()"
    before: list[int] = []

    def replicas() -> int:
        return int(cluster.kubectl("get", "deployment/coredns", *_DNS, "--output=jsonpath={.spec.replicas}"))

    def begin() -> None:
        found = replicas()
        if not found:
            raise UsageError(f"{what}: deployment coredns of cluster {cluster.name} has no replicas already")
        before.append(found)
        cluster.kubectl("scale", "deployment/coredns", *_DNS, "--replicas=0")
        # They would go on for a while and answer as long as nobody else does.
        cluster.kubectl("delete", "pods", *_DNS, "--selector=k8s-app=kube-dns", "--grace-period=0", "--force", "--wait=false")
        address = cluster.kubectl("get", "service/kube-dns", *_DNS, "--output=jsonpath={.spec.clusterIP}").strip()
        side_by_side(lambda one: _unanswered(cluster, one, address), [one for one in cluster._machines if _serves(cluster, one)])  # noqa: SLF001

    def undo() -> None:
        if before and replicas() == 0:  # else somebody else has given it some meanwhile
            cluster.kubectl("scale", "deployment/coredns", *_DNS, f"--replicas={before[0]}")

    def answers() -> None:
        cluster.kubectl("rollout", "status", "deployment/coredns", *_DNS, f"--timeout={timeout:g}s", timeout=timeout + 5)
        nodes.wait_for_dns(cluster, timeout)

    return caused(cluster, Fault(what=what, begin=begin, undo=undo, waits={"DNS answers": answers} if wait else {}))


def control_planes(cluster: KindCluster, what: str, component: str, node: KindNode | str | None) -> list[BootMachine]:
    """Those that are meant: one, or all that run.

    Raises:
        UsageError: there is no such part, none runs, or the node is no control plane.
    """
    if component not in PROGRAMS:
        raise UsageError(f"{what}: {component!r} is not accepted; accepted are {', '.join(PROGRAMS)}; dns_down() takes CoreDNS away")
    if node is None:
        found = [one for one in cluster._machines if one.machine.is_control_plane and state(cluster, one) == "running"]  # noqa: SLF001
        if not found:
            raise UsageError(f"{what}: no control plane of cluster {cluster.name} runs")
        return found
    found = machines_of(cluster, what, [node.name if isinstance(node, KindNode) else node])
    if not found[0].machine.is_control_plane:
        raise UsageError(f"{what}: node {found[0].name} is no control plane")
    return found


def _end_containers(cluster: KindCluster, machine: BootMachine, name: str) -> None:
    """Kills a node's containers of that name in kube-system until there is none: the kubelet hears a little later that they are not wanted."""

    def probe() -> NotYet | bool:
        return _containers(cluster, machine, ["sh", "-c", _KILL, "kill", name], "was there") or True

    wait_for(f"{name} is gone from {machine.name}", probe, Deadline(_END_SECONDS), every=_POLL_SECONDS)


def _containers(cluster: KindCluster, machine: BootMachine, argv: Sequence[str], verb: str) -> NotYet | None:
    """Which containers a script finds on a node, as the reason to look again; nothing where there are none."""
    *found, end = run(cluster, machine, argv).split() or [""]
    if end != ".":
        return NotYet("the node's answer was lost")
    return NotYet(f"container {', '.join(one[:12] for one in found)} {verb}") if found else None


def _serves(cluster: KindCluster, machine: BootMachine) -> bool:
    """Whether it is a node that runs."""
    return machine.machine.node is not None and state(cluster, machine) == "running"


def _unanswered(cluster: KindCluster, machine: BootMachine, address: str) -> None:
    """Waits until a node has no DNS server's container any more, and nobody answers it: its rules follow a little later."""

    def probe() -> NotYet | bool:
        left = _containers(cluster, machine, ["sh", "-c", _LIST, "list", "coredns"], "runs")
        if left is not None:
            return left
        try:
            run(cluster, machine, ["sh", "-c", _ASK, "ask", address])
        except CommandError:
            return True
        return NotYet(f"{address} answers")

    wait_for(f"DNS is gone from {machine.name}", probe, Deadline(_END_SECONDS), every=_POLL_SECONDS)


def _put_back(cluster: KindCluster, machine: BootMachine, component: str, manifest: str) -> None:
    found = state(cluster, machine)
    if found == "running":
        run(cluster, machine, ["sh", "-c", _UP, "up", component])
    elif found != "gone" and manifest:  # its node does not run: what a static pod is made of is put there for its next start
        with texts_archive({f"{_MANIFESTS}/{component}.yaml".lstrip("/"): (manifest.encode(), 0o600)}) as archive:
            cluster._site.provider.put(machine.container, "/", archive)  # noqa: SLF001


def _waits(cluster: KindCluster, component: str, machines: Sequence[BootMachine], timeout: float) -> dict[str, Callable[[], None]]:
    def healthy() -> None:
        deadline = Deadline(timeout)
        side_by_side(lambda one: _answers(cluster, one, component, deadline), [one for one in machines if state(cluster, one) == "running"])

    return {f"{component} answers": healthy, **(well(cluster, timeout) if component in _VITAL else {})}


def _answers(cluster: KindCluster, machine: BootMachine, component: str, deadline: Deadline) -> None:
    def probe() -> NotYet | bool:
        try:
            run(cluster, machine, ["sh", "-c", _HEALTH[component]], 5)
        except CommandError as error:
            return NotYet(error.output.strip() or f"exit code {error.code}")
        except KindError as error:
            return NotYet(str(error))
        return True

    wait_for(f"{component} of {machine.name} answers", probe, deadline, every=_POLL_SECONDS)
