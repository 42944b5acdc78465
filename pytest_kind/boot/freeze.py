"""Freezing: what is needed of a cluster that has just become ready, so that copies of it can be made."""

from __future__ import annotations

import io
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from pytest_kind.api.http import ApiError
from pytest_kind.boot.context import BootContext, BootMachine, side_by_side
from pytest_kind.boot.frozen import FOLDER, Frozen, words
from pytest_kind.boot.kubeadm import has_units
from pytest_kind.boot.ready import POLL_SECONDS, dns_address, readiness
from pytest_kind.boot.units import PROGRAMS
from pytest_kind.errors import CommandError, KindError, WaitTimeout
from pytest_kind.image.archive import member
from pytest_kind.waiting import Deadline, NotYet, wait_for

if TYPE_CHECKING:
    from pytest_kind.provision.provider import Provider

_SECONDS = 15.0  # for the controllers to rest, and for etcd to give what it has: nobody waits longer for copies that may be made
_SNAPSHOT = "kind/pytest-kind/snapshot.db"
_RULES = "kind/pytest-kind/rules.saved"
_AUTHORITY = "etc/kubernetes/pki/ca.crt"
# What kubeadm wrote on a node that joined.
_KUBELET = ("config.yaml", "kubeadm-flags.env")


class NotFreezable(KindError):
    """There is something in the cluster that a copy of it would not have, or have wrongly."""


class Freeze:
    """Takes down what the cluster is, in the moment before it is handed over. What cannot be frozen says why."""

    name = "freeze"

    def __call__(self, context: BootContext) -> None:
        try:
            at_rest(context)
            context.exec(["/kind/pytest-kind/snapshot", f"/{_SNAPSHOT}"], min(_SECONDS, context.deadline.left))
            side_by_side(lambda one: context.exec(["/kind/pytest-kind/rules", "save", f"/{_RULES}"], on=one), context.nodes)
            context.frozen = describe(context)  # after it: no sign of life in it is later than those that are told
        except (ApiError, CommandError, NotFreezable, WaitTimeout) as error:
            context.frozen = None
            context.progress.note(f"no copies can be made of cluster {context.facts.cluster}: {error}")


def at_rest(context: BootContext) -> None:
    """Waits until the controllers, which may have just begun, have seen what there is: else each copy's would do what these had not yet.

    Raises:
        WaitTimeout: they did not, with what was unseen last.
    """

    def probe() -> NotYet | bool:
        for node in context.api.get("/api/v1/nodes")["items"]:
            if not node["spec"].get("podCIDRs"):
                return NotYet(f"node {node['metadata']['name']} has no share of the pod subnets")
        for kind in ("deployments", "daemonsets"):
            for one in context.api.get(f"/apis/apps/v1/namespaces/kube-system/{kind}")["items"]:
                if one.get("status", {}).get("observedGeneration", 0) < one["metadata"]["generation"]:
                    return NotYet(f"{one['metadata']['name']} was not seen by its controller")
        return True

    wait_for("the controllers to be at rest", probe, Deadline(min(_SECONDS, context.deadline.left)), every=POLL_SECONDS)


def describe(context: BootContext) -> Frozen:
    """What a copy must know of it.

    Raises:
        NotFreezable: with what is in the way.
    """
    for path, what in (
        ("/api/v1/persistentvolumes", "a PersistentVolume"),
        ("/api/v1/secrets?fieldSelector=type%3Dkubernetes.io%2Fservice-account-token", "a token that is signed with its own key, Secret"),
    ):
        found = context.api.get(path)["items"]
        if found:
            raise NotFreezable(f"it has {what} {found[0]['metadata']['name']}")
    for one in context.nodes if context.images is not None else ():
        more = images(context, one) - (context.images or set())
        if more:
            raise NotFreezable(f"node {one.name} has images that its node image lacks: {', '.join(sorted(more))}")
    pods: dict[str, dict[str, list[str]]] = {}
    for pod in context.api.get("/api/v1/pods")["items"]:
        addresses = [one["ip"] for one in pod["status"].get("podIPs", ())]
        if addresses and not pod["spec"].get("hostNetwork"):
            meta = pod["metadata"]
            pods.setdefault(pod["spec"]["nodeName"], {})[f"{meta['namespace']}/{meta['name']}"] = addresses
    nodes = context.api.get("/api/v1/nodes")["items"]
    deployments = context.api.get("/apis/apps/v1/deployments")["items"]
    return Frozen(
        image="",
        cluster=context.facts.cluster,
        machines=[one.name for one in context.machines],
        shares={node["metadata"]["name"]: node["spec"].get("podCIDRs", []) for node in nodes},
        pods=pods,
        dns=dns_address(context),
        beats={name: ready.get("lastHeartbeatTime", "") for name, ready in readiness(nodes).items()},
        unfinished=[f"{one['metadata']['namespace']}/{one['metadata']['name']}" for one in deployments if not _is_rolled_out(one)],
    )


def _is_rolled_out(deployment: Mapping[str, Any]) -> bool:
    conditions = deployment.get("status", {}).get("conditions", ())
    return any(one["type"] == "Progressing" and one.get("reason") == "NewReplicaSetAvailable" for one in conditions)


def images(context: BootContext, on: BootMachine) -> set[str]:
    """The names of the images that a node has."""
    return {
        name for name in context.exec(["ctr", "--namespace", "k8s.io", "images", "list", "--quiet"], on=on).split() if not name.startswith("sha256:")
    }


@contextmanager
def archive(context: BootContext, provider: Provider) -> Iterator[IO[bytes]]:
    """Everything that is frozen, as the archive of a layer, in a file without a name.

    Args:
        provider: the context's may be in use elsewhere.

    Raises:
        NotFound: a node lacks something of it.
    """
    with tempfile.TemporaryFile(dir=context.scratch) as spool:
        with tarfile.open(fileobj=spool, mode="w") as tar:
            _take(provider, context.first, tar, {_SNAPSHOT: f"{FOLDER}/etcd.db", _AUTHORITY: f"{FOLDER}/ca.crt"})
            own = words(context.facts.cluster, [one.name for one in context.machines], context.facts.token)
            _write(tar, f"{FOLDER}/words", own)
            if has_units(context.facts):
                units = "etc/systemd/system"
                _take(provider, context.first, tar, {f"{units}/{name}.service": f"{FOLDER}/units/{name}.service" for name in PROGRAMS})
            for one in context.nodes:
                _take(provider, one, tar, {_RULES: f"{FOLDER}/nodes/{one.machine.place.number}/rules"})
            for one in context.nodes[1:]:
                target = f"{FOLDER}/nodes/{one.machine.place.number}"
                _take(provider, one, tar, {f"var/lib/kubelet/{name}": f"{target}/kubelet/{name}" for name in _KUBELET})
                if one.machine.is_control_plane:
                    _take(provider, one, tar, {"etc/kubernetes/manifests": f"{target}/manifests"})
        spool.seek(0)
        yield spool


def _take(provider: Provider, one: BootMachine, tar: tarfile.TarFile, files: Mapping[str, str]) -> None:
    """Files, or the files of a folder, of a machine."""
    for source, target in files.items():
        with provider.get(one.container, f"/{source}") as stream, tarfile.open(fileobj=stream) as found:
            for entry in found:
                content: Any = found.extractfile(entry) if entry.isfile() else None
                if content is not None:
                    below = entry.name.partition("/")[2]
                    tar.addfile(member(f"{target}/{below}" if below else target, tarfile.REGTYPE, 0o600, entry.size), content)


def _write(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    tar.addfile(member(name, tarfile.REGTYPE, 0o600, len(content)), io.BytesIO(content))
