"""What changes a cluster while it runs: nodes come and go, machines stop and start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_kind import kept, labels
from pytest_kind.api import kubeconfig
from pytest_kind.api.http import ApiError
from pytest_kind.boot.actions import joining_actions, settle
from pytest_kind.boot.context import BootContext, BootMachine, led_by, side_by_side
from pytest_kind.boot.files import Files, balancer_files, peer_files
from pytest_kind.boot.join import tell
from pytest_kind.boot.kubeadm import ClusterFacts
from pytest_kind.boot.ready import Dns, NodesReady, wait_for_api
from pytest_kind.config.types import Node
from pytest_kind.diagnose.evidence import node_evidence
from pytest_kind.errors import BootError, KindError, UsageError
from pytest_kind.provision.places import Machine, next_place
from pytest_kind.provision.plan import container
from pytest_kind.waiting import Deadline, NotYet, wait_for

if TYPE_CHECKING:
    from pytest_kind.handle import KindCluster

_POLL_SECONDS = 0.1
_STOP_SECONDS = 10
_UNDO_SECONDS = 15
_ROLES = (labels.ROLE_CONTROL_PLANE, labels.ROLE_WORKER)


def add_node(cluster: KindCluster, node: Node, timeout: float) -> BootMachine:
    """Makes a node and has it join.

    Raises:
        UsageError: a control plane, where there is no load balancer to know of it; a role that is none; an image of its own.
        BootError: it did not join in time; nothing of it is left.
    """
    site, there = cluster._site, cluster._machines  # noqa: SLF001 - this module is the handle's own hands
    balanced = there[-1].machine.node is None
    if node.role not in _ROLES:
        raise UsageError(f"add_node: role: {node.role!r} is not accepted; accepted are {', '.join(_ROLES)}")
    if node.image is not None:
        raise UsageError(f"add_node: image: {node.image!r} is not accepted; a node that is added has the image of the cluster's first one")
    if node.role == labels.ROLE_CONTROL_PLANE and not balanced:
        raise UsageError(f"add_node: cluster {cluster.name} was made with one control plane and no load balancer; it can have more workers only")
    machine = Machine(place=next_place([one.machine.place for one in there], cluster.name, node.role), node=node)
    with site.progress.step(f"adding node {machine.place.name}"), _context(cluster, timeout) as context:
        settle(context)
        token = context.exec(["kubeadm", "token", "create"]).strip()
        fresh = BootMachine(machine, site.provider.create(container(site.plan, machine, image=site.image, publish=False)))
        everyone = _with(there, fresh)
        if site.renewal is not None:
            site.renewal.of(one.container for one in everyone)
        context.machines, context.fresh = _with(context.machines, fresh), (fresh,)  # still led by one that runs
        context.facts = replace(context.facts, machines=tuple(one.machine for one in context.machines), token=token)
        phase = "create"
        try:
            _introduce(context)
            for action in joining_actions():
                phase = action.name
                action(context)
        except KindError as error:
            evidence = node_evidence(site.provider, fresh.container, fresh.name)
            left = _undo(cluster, context, fresh, there)
            raise BootError(cluster.name, f"{phase} of {fresh.name}", error, "\n".join(filter(None, (evidence, *left)))) from error
        except BaseException:
            _undo(cluster, context, fresh, there)
            raise
    cluster._machines = everyone  # noqa: SLF001
    return fresh


def remove_node(cluster: KindCluster, name: str, timeout: float) -> None:
    """Takes a node out of the cluster, running or dead, and removes it.

    Raises:
        UsageError: there is none of that name, or it is the last control plane.
    """
    there = cluster._machines  # noqa: SLF001
    gone = next((one for one in there if one.name == name and one.machine.node is not None), None)
    if gone is None:
        raise UsageError(
            f"remove_node: {name!r} is no node of cluster {cluster.name}; its nodes are {', '.join(node.name for node in cluster.nodes)}"
        )
    left = tuple(one for one in there if one is not gone)
    first = next((one for one in left if one.machine.is_control_plane), None)
    if first is None:
        raise UsageError(f"remove_node: {name} is the last control plane of cluster {cluster.name}")
    left = led_by(first, left)
    with _context(cluster, timeout, left) as context:
        if gone.machine.is_control_plane:
            _leave_etcd(context, name)
        context.api.delete(f"/api/v1/nodes/{name}")
        _forget(cluster, context, gone, left)
        # The pod garbage collector would get to them in a minute.
        context.exec(
            ["kubectl", "delete", "pods", "--all-namespaces", f"--field-selector=spec.nodeName={name}", "--grace-period=0", "--force", "--wait=false"]
        )
    cluster._machines = left  # noqa: SLF001


def stop(cluster: KindCluster) -> None:
    """Stops every machine, as a shutdown does. What is in the cluster stays."""
    _halt(cluster, lambda container: cluster._site.provider.stop(container, _STOP_SECONDS))  # noqa: SLF001


def start(cluster: KindCluster, timeout: float) -> None:
    """Starts what is stopped and waits until the cluster answers again, wherever its API is published now."""
    _resume(cluster, cluster._site.provider.start, timeout)  # noqa: SLF001


def pause(cluster: KindCluster) -> None:
    """Freezes every machine. Leases stand still with them."""
    _halt(cluster, cluster._site.provider.pause)  # noqa: SLF001


def unpause(cluster: KindCluster, timeout: float) -> None:
    """Lets every machine go on and waits until the cluster answers."""
    _resume(cluster, cluster._site.provider.unpause, timeout)  # noqa: SLF001


def _halt(cluster: KindCluster, do: Callable[[str], None]) -> None:
    renewal, machines = cluster._site.renewal, cluster._machines  # noqa: SLF001
    if renewal is not None:
        renewal.of(())
    side_by_side(do, [one.container for one in machines])


def _resume(cluster: KindCluster, do: Callable[[str], None], timeout: float) -> None:
    renewal, containers = cluster._site.renewal, [one.container for one in cluster._machines]  # noqa: SLF001
    side_by_side(do, containers)
    if renewal is not None:
        renewal.of(containers)
    wait_until_well(cluster, timeout)


def wait_until_well(cluster: KindCluster, timeout: float) -> None:
    """Waits for the API, for a sign of life of every node that is younger than this call, and for DNS.

    Raises:
        WaitTimeout: with what was last seen.
    """
    site, deadline = cluster._site, Deadline(timeout)  # noqa: SLF001

    def find_admin() -> NotYet | dict[str, Any]:
        found = kept.find(site.provider, cluster.name)
        if found is None:
            raise KindError(f"cluster {cluster.name} is gone")
        try:
            return kept.admin(site.provider, found)
        except KindError as error:
            return NotYet(str(error))

    cluster.reached_by(wait_for("a control plane", find_admin, deadline, every=_POLL_SECONDS))
    with _context(cluster, timeout) as context:
        context.deadline = deadline
        wait_for_api(context)
        _wait_for_life(context)
        context.fresh = context.machines
        for action in (NodesReady(), Dns()):
            action(context)


def wait_for_dns(cluster: KindCluster, timeout: float) -> None:
    """Waits until DNS answers on every node.

    Raises:
        CommandError: it did not.
    """
    with _context(cluster, timeout) as context:
        context.fresh = context.machines
        Dns()(context)


def _wait_for_life(context: BootContext) -> None:
    """Waits until each node has renewed its lease since this was called."""

    def beats() -> NotYet | dict[str, str]:
        try:
            leases = context.api.get("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases")["items"]
        except ApiError as error:
            return NotYet(str(error))
        return {one["metadata"]["name"]: one["spec"].get("renewTime", "") for one in leases}

    before = wait_for("the nodes' signs of life", beats, context.deadline, every=_POLL_SECONDS, on_wait=context.progress.tick)

    def alive() -> NotYet | bool:
        now = beats()
        if isinstance(now, NotYet):
            return now
        silent = [one.name for one in context.nodes if now.get(one.name) == before.get(one.name)]
        return NotYet(f"no sign of life of {', '.join(silent)}") if silent else True

    wait_for("every node's sign of life", alive, context.deadline, every=_POLL_SECONDS, on_wait=context.progress.tick)


@contextmanager
def _context(cluster: KindCluster, timeout: float, machines: tuple[BootMachine, ...] | None = None) -> Iterator[BootContext]:
    """The cluster as the steps of a boot see it; the first machine is a control plane that runs."""
    site = cluster._site  # noqa: SLF001
    everyone = machines or cluster._machines  # noqa: SLF001
    running = {one.id for one in site.provider.containers({labels.CLUSTER: cluster.name}) if one.running}
    first = next((one for one in everyone if one.machine.is_control_plane and one.container in running), None)
    if first is None:
        raise KindError(f"no control plane of cluster {cluster.name} runs")
    ordered = led_by(first, everyone)
    context = BootContext(
        provider=site.provider,
        machines=ordered,
        fresh=(),
        config=site.plan.config,
        facts=ClusterFacts(
            cluster=cluster.name, machines=tuple(one.machine for one in ordered), kubernetes="", api_names=(), token="", durable=False
        ),
        lease=0 if cluster.kept else int(site.plan.marks[labels.LEASE]),
        scratch=site.folder,
        deadline=Deadline(timeout),
        progress=site.progress,
        admin=cluster._admin,  # noqa: SLF001
    )
    try:
        context.connect(kubeconfig.credentials(cluster._admin))  # noqa: SLF001
        yield context
    finally:
        context.close()


def _introduce(context: BootContext) -> None:
    """Tells those that are there who is there now; the load balancer passes on to the control planes among them."""
    peers = peer_files(one.machine.place for one in context.machines)

    def files(one: BootMachine) -> Files:
        return {**peers, **(balancer_files(context.facts) if one.machine.node is None else {})}

    for one in tell(context, [one for one in context.machines if one not in context.fresh], files):
        if one.machine.node is None:
            context.provider.kill(one.container, "SIGUSR2")  # HAProxy reads its configuration again


def _with(there: tuple[BootMachine, ...], fresh: BootMachine) -> tuple[BootMachine, ...]:
    """The machines and a new node; a load balancer stays the last."""
    nodes = [one for one in there if one.machine.node is not None]
    return (*nodes, fresh, *there[len(nodes) :])


def _undo(cluster: KindCluster, context: BootContext, fresh: BootMachine, there: tuple[BootMachine, ...]) -> list[str]:
    """As if the node had never been there. Returns what could not be undone, which is no reason to leave the rest."""
    context.deadline = Deadline(_UNDO_SECONDS)
    steps: list[Callable[[], None]] = [
        lambda: _forget(cluster, context, fresh, there),
        lambda: context.api.delete(f"/api/v1/nodes/{fresh.name}"),
    ]
    if fresh.machine.is_control_plane:  # while it still runs: a quorum may need it to agree
        steps.insert(0, lambda: _leave_etcd(context, fresh.name))
    failed = []
    for step in steps:
        try:
            step()
        except KindError as error:
            failed.append(f"--- {fresh.name}: could not be undone: {error}")
    return failed


def _leave_etcd(context: BootContext, name: str) -> None:
    """Takes a control plane's member out of etcd, asked of another one: the one that goes may be dead."""
    keys = "--cacert=/etc/kubernetes/pki/etcd/ca.crt --cert=/etc/kubernetes/pki/etcd/peer.crt --key=/etc/kubernetes/pki/etcd/peer.key"
    pod = f"kubectl --namespace kube-system exec etcd-{context.first.name} -- etcdctl {keys}"
    script = f'set -e -o pipefail; id=$({pod} member list | awk -F\', \' \'$3 == "{name}" {{print $1}}\'); [ -z "$id" ] || {pod} member remove "$id"'
    context.exec(["bash", "-c", script])


def _forget(cluster: KindCluster, context: BootContext, gone: BootMachine, left: tuple[BootMachine, ...]) -> None:
    site = cluster._site  # noqa: SLF001
    if site.renewal is not None:
        site.renewal.of(one.container for one in left)
    site.provider.remove(gone.container)
    context.machines, context.fresh = left, ()
    context.facts = replace(context.facts, machines=tuple(one.machine for one in left))
    _introduce(context)
