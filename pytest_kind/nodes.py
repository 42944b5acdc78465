"""What changes a cluster while it runs: nodes come and go, machines stop and start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_kind import kept, labels
from pytest_kind.api import kubeconfig
from pytest_kind.api.http import Api, ApiError
from pytest_kind.boot.actions import joining_actions
from pytest_kind.boot.context import BootContext, BootMachine, side_by_side
from pytest_kind.boot.files import balancer_files, peer_files
from pytest_kind.boot.kubeadm import ClusterFacts
from pytest_kind.boot.ready import Dns, NodesReady
from pytest_kind.config.types import Node
from pytest_kind.diagnose.evidence import node_evidence
from pytest_kind.errors import BootError, KindError, UsageError
from pytest_kind.image.archive import texts_archive
from pytest_kind.provision.places import Machine, next_place
from pytest_kind.provision.plan import container
from pytest_kind.waiting import Deadline, NotYet, wait_for

if TYPE_CHECKING:
    from pytest_kind.handle import KindCluster

_POLL_SECONDS = 0.1
_STOP_SECONDS = 10


def add_node(cluster: KindCluster, node: Node, timeout: float) -> BootMachine:
    """Makes a node and has it join.

    Raises:
        UsageError: a control plane, where there is no load balancer to know of it.
        BootError: it did not join in time; nothing of it is left.
    """
    site, there = cluster._site, cluster._machines  # noqa: SLF001 - this module is the handle's own hands
    balanced = there[-1].machine.node is None
    if node.role == labels.ROLE_CONTROL_PLANE and not balanced:
        raise UsageError(f"add_node: cluster {cluster.name} was made with one control plane and no load balancer; it can have more workers only")
    machine = Machine(place=next_place([one.machine.place for one in there], cluster.name, node.role), node=node)
    with site.progress.step(f"adding node {machine.place.name}"), _context(cluster, timeout) as context:
        token = context.exec(["kubeadm", "token", "create"]).strip()
        fresh = BootMachine(machine, site.provider.create(container(site.plan, machine, image=site.image, publish=False)))
        nodes = [one for one in there if one.machine.node is not None]
        everyone = (*nodes, fresh, *there[len(nodes) :])
        if site.renewal is not None:
            site.renewal.of(one.container for one in everyone)
        context.machines, context.fresh = everyone, (fresh,)
        context.facts = replace(context.facts, machines=tuple(one.machine for one in everyone), token=token)
        phase = "create"
        try:
            _introduce(context)
            for action in joining_actions():
                phase = action.name
                action(context)
        except KindError as error:
            evidence = node_evidence(site.provider, fresh.container, fresh.name)
            _forget(cluster, context, fresh, there)
            raise BootError(cluster.name, f"{phase} of {fresh.name}", error, evidence) from error
        except BaseException:
            _forget(cluster, context, fresh, there)
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
    if not any(one.machine.is_control_plane for one in left):
        raise UsageError(f"remove_node: {name} is the last control plane of cluster {cluster.name}")
    with _context(cluster, timeout, left) as context:
        if gone.machine.is_control_plane:
            _leave_etcd(context, name)
        _forget(cluster, context, gone, left)
        context.api.delete(f"/api/v1/nodes/{name}")
        # The pod garbage collector would get to them in a minute.
        context.exec(
            ["kubectl", "delete", "pods", "--all-namespaces", f"--field-selector=spec.nodeName={name}", "--grace-period=0", "--force", "--wait=false"]
        )
    cluster._machines = left  # noqa: SLF001


def stop(cluster: KindCluster) -> None:
    """Stops every machine, as a shutdown does. What is in the cluster stays."""
    site = cluster._site  # noqa: SLF001
    if site.renewal is not None:
        site.renewal.of(())
    side_by_side(lambda one: site.provider.stop(one.container, _STOP_SECONDS), cluster._machines)  # noqa: SLF001


def start(cluster: KindCluster, timeout: float) -> None:
    """Starts what is stopped and waits until the cluster answers again, wherever its API is published now."""
    site = cluster._site  # noqa: SLF001
    side_by_side(lambda one: site.provider.start(one.container), cluster._machines)  # noqa: SLF001
    if site.renewal is not None:
        site.renewal.of(one.container for one in cluster._machines)  # noqa: SLF001
    wait_until_well(cluster, timeout)


def pause(cluster: KindCluster) -> None:
    """Freezes every machine. Leases stand still with them."""
    site = cluster._site  # noqa: SLF001
    if site.renewal is not None:
        site.renewal.of(())
    side_by_side(lambda one: site.provider.pause(one.container), cluster._machines)  # noqa: SLF001


def unpause(cluster: KindCluster, timeout: float) -> None:
    """Lets every machine go on and waits until the cluster answers."""
    site = cluster._site  # noqa: SLF001
    side_by_side(lambda one: site.provider.unpause(one.container), cluster._machines)  # noqa: SLF001
    if site.renewal is not None:
        site.renewal.of(one.container for one in cluster._machines)  # noqa: SLF001
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

        def ready() -> NotYet | bool:
            try:
                context.api.text("/readyz")
            except ApiError as error:
                return NotYet(str(error))
            return True

        wait_for("the API server's /readyz", ready, deadline, every=_POLL_SECONDS, on_wait=site.progress.tick)
        before = _heartbeats(context.api)

        def alive() -> NotYet | bool:
            try:
                now = _heartbeats(context.api)
            except ApiError as error:
                return NotYet(str(error))
            silent = [one.name for one in context.nodes if now.get(one.name) == before.get(one.name)]
            return NotYet(f"no sign of life of {', '.join(silent)}") if silent else True

        wait_for("every node's sign of life", alive, deadline, every=_POLL_SECONDS, on_wait=site.progress.tick)
        context.fresh = context.machines
        for action in (NodesReady(), Dns()):
            action(context)


def _heartbeats(api: Api) -> dict[str, str]:
    leases = api.get("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases")["items"]
    return {one["metadata"]["name"]: one["spec"].get("renewTime", "") for one in leases}


@contextmanager
def _context(cluster: KindCluster, timeout: float, machines: tuple[BootMachine, ...] | None = None) -> Iterator[BootContext]:
    """The cluster as the steps of a boot see it; the first machine is a control plane that runs."""
    site = cluster._site  # noqa: SLF001
    everyone = machines or cluster._machines  # noqa: SLF001
    running = {one.id for one in site.provider.containers({labels.CLUSTER: cluster.name}) if one.running}
    first = next((one for one in everyone if one.machine.is_control_plane and one.container in running), None)
    if first is None:
        raise KindError(f"no control plane of cluster {cluster.name} runs")
    ordered = (first, *(one for one in everyone if one is not first))
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

    def tell(one: BootMachine) -> None:
        files = {**peers, **(balancer_files(context.facts) if one.machine.node is None else {})}
        with texts_archive(files) as archive:
            context.provider.put(one.container, "/", archive)
        context.exec(["/kind/pytest-kind/network"], on=one)
        if one.machine.node is None:
            context.provider.kill(one.container, "SIGUSR2")

    running = {one.id for one in context.provider.containers({labels.CLUSTER: context.facts.cluster}) if one.running}
    side_by_side(tell, [one for one in context.machines if one.container in running and one not in context.fresh])


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
