"""Further nodes: they join side by side, and every node learns its and the others' shares of the pod subnets."""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO

import yaml

from pytest_kind import labels
from pytest_kind.api.http import ApiError
from pytest_kind.boot.context import BootContext, BootMachine, side_by_side
from pytest_kind.boot.files import Files, cni_files, first_shares, peer_files, share_files
from pytest_kind.boot.kubeadm import API_PORT, DISCOVERY
from pytest_kind.boot.ready import POLL_SECONDS
from pytest_kind.errors import KindError
from pytest_kind.image.archive import texts_archive
from pytest_kind.waiting import NotYet, wait_for

# What the control planes of a cluster have in common; the rest each makes for itself.
_COMMON_KEYS = {
    "pki/ca.crt",
    "pki/ca.key",
    "pki/front-proxy-ca.crt",
    "pki/front-proxy-ca.key",
    "pki/sa.key",
    "pki/sa.pub",
    "pki/etcd/ca.crt",
    "pki/etcd/ca.key",
}


class Members:
    """Has the other control planes of a new cluster begin as the first one did, with its keys: etcd's members begin as one.

    Of control planes that join one by one each has an etcd that serves seven seconds after its start (what it tells the cluster of itself
    is lost in the snapshot that it is sent, and it waits for the answer), and the next one is refused for five seconds more
    (``--strict-reconfig-check``). Meanwhile the kubelets, which ask their own API servers and no other, back off.
    """

    name = "members"

    def __call__(self, context: BootContext) -> None:
        others = [one for one in context.nodes if one.machine.is_initial and one is not context.first]
        _give_keys(context, others)
        side_by_side(lambda one: context.exec(["/kind/pytest-kind/init", f"{context.deadline.left:.0f}"], on=one), others)


def give_first_share(context: BootContext) -> None:
    """Gives the first node its share of the pod subnets, before there is a controller to do it.

    Its network was told the first share beforehand. Of nodes that begin together the controller may come to another one before it.
    """
    if context.config.networking.disable_default_cni:
        return
    shares = first_shares(context.config)

    def give() -> NotYet | bool:
        try:
            context.api.patch(f"/api/v1/nodes/{context.first.name}", {"spec": {"podCIDR": shares[0], "podCIDRs": shares}})
        except ApiError as error:
            return NotYet(str(error))
        return True

    wait_for(f"node {context.first.name} to take its share of the pod subnets", give, context.deadline, every=POLL_SECONDS)


class Join:
    """``kubeadm join`` on every new node that did not begin with the cluster, at once."""

    name = "join"

    def __call__(self, context: BootContext) -> None:
        joining = [one for one in context.fresh if one.machine.node is not None and not one.machine.is_initial]
        discovery = {DISCOVERY.lstrip("/"): (_discovery(context).encode(), 0o644)}
        for one in joining:
            with texts_archive(discovery) as archive:
                context.provider.put(one.container, "/", archive)
        _give_keys(context, [one for one in joining if one.machine.is_control_plane])

        def join(one: BootMachine) -> None:
            context.exec(["/kind/pytest-kind/join", f"{context.deadline.left:.0f}"], on=one)

        side_by_side(join, joining)


class Shares:
    """Waits until each node has its share of the pod subnets, then writes CNI configurations and the ways to all of them."""

    name = "routes"

    def __call__(self, context: BootContext) -> None:
        if context.config.networking.disable_default_cni:
            return

        def probe() -> NotYet | dict[str, list[str]]:
            try:
                nodes = {one["metadata"]["name"]: one["spec"].get("podCIDRs") for one in context.api.get("/api/v1/nodes")["items"]}
            except ApiError as error:
                return NotYet(str(error))
            for one in context.nodes:
                if not nodes.get(one.name):
                    return NotYet(f"node {one.name} {'has no share yet' if one.name in nodes else 'is not there'}")
            return {one.name: nodes[one.name] for one in context.nodes}

        shares = wait_for("every node's share of the pod subnets", probe, context.deadline, every=POLL_SECONDS, on_wait=context.progress.tick)
        if context.first in context.fresh and shares[context.first.name] != first_shares(context.config):
            raise KindError(f"node {context.first.name} was given {shares[context.first.name]} of the pod subnets, not the first share")
        common = {**share_files(shares), **peer_files(one.machine.place for one in context.machines)}

        def files(one: BootMachine) -> Files:
            return {**common, **(cni_files(shares[one.name]) if one.machine.node is not None and one is not context.first else {})}

        tell(context, context.machines, files)


def tell(context: BootContext, machines: Iterable[BootMachine], files: Callable[[BootMachine], Files]) -> list[BootMachine]:
    """Tells machines who is there. Those that run, which it returns, set their ways anew at once, the others when they start."""
    running = {one.id for one in context.provider.containers({labels.CLUSTER: context.facts.cluster}) if one.running}

    def tell_one(one: BootMachine) -> None:
        with texts_archive(files(one)) as archive:
            context.provider.put(one.container, "/", archive)
        if one.container in running:
            context.exec(["/kind/pytest-kind/network"], on=one)

    told = list(machines)
    side_by_side(tell_one, told)
    return [one for one in told if one.container in running]


def _discovery(context: BootContext) -> str:
    """Where joining nodes find the API and by what they know it: no secret."""
    authority = context.admin["clusters"][0]["cluster"]["certificate-authority-data"]
    cluster = {"server": f"https://{context.facts.endpoint.name}:{API_PORT}", "certificate-authority-data": authority}
    # As in the cluster's own record for those who join (kube-public/cluster-info): a cluster without a name, nobody's.
    document = {"apiVersion": "v1", "kind": "Config", "clusters": [{"name": "", "cluster": cluster}]}
    return yaml.safe_dump(document, sort_keys=False)


def _give_keys(context: BootContext, control_planes: Sequence[BootMachine]) -> None:
    """Gives them the first one's common keys, which are read once, and not at all for nobody."""
    if control_planes:
        with common_keys(context) as keys:
            for one in control_planes:
                keys.seek(0)
                context.provider.put(one.container, "/", keys)


@contextmanager
def common_keys(context: BootContext) -> Iterator[IO[bytes]]:
    """The first control plane's common keys as an archive, in a file without a name."""
    with context.provider.get(context.container, "/etc/kubernetes/pki") as source, tempfile.TemporaryFile() as spool:
        with tarfile.open(fileobj=source) as found, tarfile.open(fileobj=spool, mode="w") as keys:
            for member in found:
                if member.isdir() or member.name in _COMMON_KEYS:
                    content = found.extractfile(member) if member.isfile() else None
                    member.name = f"etc/kubernetes/{member.name}"
                    keys.addfile(member, content)
        spool.seek(0)
        yield spool
