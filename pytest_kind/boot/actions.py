"""The steps from created containers to a ready Kubernetes, in order; one loop runs them (``cluster.py``).

Nothing here waits for a clock: each step polls, closely and with the boot's one deadline, for what it needs.
"""

from __future__ import annotations

import tarfile
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

from pytest_kind.api import kubeconfig
from pytest_kind.api.http import ApiError
from pytest_kind.boot import addons, first_pods
from pytest_kind.boot.containerd import config_toml
from pytest_kind.boot.context import BootContext, BootMachine, side_by_side
from pytest_kind.boot.files import Files, machine_files
from pytest_kind.boot.freeze import Freeze, images
from pytest_kind.boot.join import Join, Members, Shares, give_first_share
from pytest_kind.boot.kubeadm import API_PORT, has_units
from pytest_kind.boot.ready import POLL_SECONDS, Defaults, Dns, DnsLater, NodesReady, has_network, release, wait_for_api
from pytest_kind.boot.told import told
from pytest_kind.boot.units import unit_files
from pytest_kind.errors import CommandError
from pytest_kind.image.archive import texts_archive
from pytest_kind.waiting import NotYet, wait_for

_CONTAINERD = "etc/containerd/config.toml"
_NOT_READY = ("node.kubernetes.io/not-ready", "NoSchedule")  # of TaintNodesByCondition, an admission plugin
_NO_ANSWER, _CONFLICT = 0, 409


class Action(Protocol):
    """A step of a boot. ``name`` is what an error and the timings call it."""

    name: str

    def __call__(self, context: BootContext) -> None:
        """Does it. Raises a :class:`~pytest_kind.errors.KindError` when it cannot."""


class Fill:
    """Puts everything that is known beforehand into the machines, in one archive each, before they start."""

    name = "fill"

    def __call__(self, context: BootContext) -> None:
        _fill(context, context.fresh)


def _fill(context: BootContext, machines: Iterable[BootMachine]) -> None:
    for one in machines:
        files = machine_files(context.config, context.facts, one.machine, context.lease, context.copied)
        if one.machine.node is not None:
            files |= _containerd(context, one)
        with texts_archive(files) as archive:
            context.provider.put(one.container, "/", archive)


def _containerd(context: BootContext, one: BootMachine) -> Files:
    """Containerd's configuration, where the user patches it: the image's own is the text that patches are for."""
    config = context.config
    if not (config.containerd_config_patches or config.containerd_config_patches_json6902):
        return {}
    with context.provider.get(one.container, f"/{_CONTAINERD}") as found, tarfile.open(fileobj=found) as archive:
        file = archive.extractfile(archive.getmembers()[0])
        text = file.read().decode() if file else ""
    patched = config_toml(text, config.containerd_config_patches, config.containerd_config_patches_json6902)
    return {_CONTAINERD: (patched.encode(), 0o644)}


class Start:
    """Starts them: systemd, containerd, and kubeadm's file phases beside each other."""

    name = "engine"

    def __call__(self, context: BootContext) -> None:
        def start(one: BootMachine) -> None:
            context.provider.start(one.container)

        first, *others = context.fresh
        threading.Thread(target=context.meanwhile, name="pytest-kind-meanwhile", daemon=True).start()
        # Everything waits for the first control plane. While it starts the others are made, and no other starts.
        with ThreadPoolExecutor(1, thread_name_prefix="pytest-kind-first") as pool:
            starting = pool.submit(start, first)
            rest = context.make_rest()
            _fill(context, rest)
            starting.result()
        side_by_side(start, [*others, *rest])
        address, port = context.provider.published_port(context.published.container, API_PORT)
        context.server = kubeconfig.url(address, port)


class ControlPlane:
    """Has etcd and the API server start as units of the node, of what kubeadm wrote for them.

    Where several control planes are to find each other by their pods they stay static pods, which the kubelet starts.
    """

    name = "units"

    def __call__(self, context: BootContext) -> None:
        if not has_units(context.facts):
            return
        seconds = max(1, int(context.deadline.left))
        manifests = told(context.exec(["/kind/pytest-kind/facts", str(seconds), "manifests"]))
        with texts_archive(unit_files(manifests)) as archive:
            context.provider.put(context.container, "/", archive)  # the node waits for them (boot/node/prepare)


class Facts:
    """Fetches what kubeadm made: credentials, and the addons' manifests."""

    name = "kubeadm"

    def __call__(self, context: BootContext) -> None:
        seconds = max(1, int(context.deadline.left))
        found = told(context.exec(["/kind/pytest-kind/facts", str(seconds)]))
        context.admin = kubeconfig.outside(found["admin"], context.facts.cluster, context.server)
        context.connect(kubeconfig.credentials(kubeconfig.outside(found["superAdmin"], context.facts.cluster, context.server)))
        context.manifests = {name: found.get(name, "") for name in ("dns", "proxy", "storage")}


class ApiServer:
    """Waits until the API server answers, and posts the addons with their first pods."""

    name = "API"

    def __call__(self, context: BootContext) -> None:
        objects = _addons(context)
        owners = [one for one in objects if one["kind"] in _first_owners(context) and one["metadata"]["namespace"] == "kube-system"]

        def post() -> NotYet | bool:
            # The server answers before it has made its own namespaces and roles: what it refuses now it takes soon.
            try:
                while objects:
                    context.api.create(objects[0])
                    objects.pop(0)
                first_pods.make(context.api, context.first.name, owners)
            except ApiError as error:
                return NotYet(str(error))
            return True

        wait_for("the API server takes objects", post, context.deadline, every=POLL_SECONDS, on_wait=context.progress.tick)
        wait_for_api(context)
        if context.facts.replicated:
            give_first_share(context)
        release(context)


def _first_owners(context: BootContext) -> set[str]:
    """Whose first pods are not waited for: a Deployment's only where pods have a network from the beginning."""
    return {"DaemonSet"} if context.config.networking.disable_default_cni else {"DaemonSet", "Deployment"}


def _addons(context: BootContext) -> list[addons.Document]:
    address = context.facts.endpoint.address
    storage = context.manifests["storage"]
    authority = kubeconfig.credentials(context.admin).authority.decode()
    return [
        *addons.bindings(),
        *addons.defaults(authority),
        *first_pods.beforehand(),
        *([] if context.config.networking.kube_proxy_mode == "none" else addons.documents(context.manifests["proxy"])),
        *addons.quick_dns(addons.documents(context.manifests["dns"]), address, spread=context.facts.replicated),
        *addons.direct_storage(addons.documents(storage), address),
        *(addons.shared_storage(addons.documents(storage), address) if len(context.facts.nodes) > 1 else []),
    ]


class Manifests:
    """Applies what the configuration brings along, such as a network of the user's."""

    name = "manifests"

    def __call__(self, context: BootContext) -> None:
        folder = "kind/pytest-kind/manifests"
        texts = {f"{folder}/{number:03}.yaml": (Path(path).read_bytes(), 0o644) for number, path in enumerate(context.config.manifests)}
        if not texts:
            return
        context.images = images(context, context.first)
        with texts_archive(texts) as archive:
            context.provider.put(context.container, "/", archive)

        def apply() -> NotYet | bool:
            try:
                context.exec(["kubectl", "apply", "--server-side", "--filename", f"/{folder}"])
            except CommandError as error:
                return NotYet(str(error))  # what is of a kind that the same files define is taken a little later
            return True

        wait_for("the configuration's manifests", apply, context.deadline, every=1, on_wait=context.progress.tick)


class Mark:
    """Marks a single node as the control plane that it is, as kubeadm does later than a first test may look, and as one that takes pods.

    Each node begins with a taint that keeps pods away until it is Ready; here it is, and the controller that would see it has just begun.
    """

    name = "mark"

    def __call__(self, context: BootContext) -> None:
        path = f"/api/v1/nodes/{context.first.name}"

        def mark() -> NotYet | bool:
            # Without its exclusion from load balancers, as with kind: they have nowhere else to send to.
            change: dict[str, Any] = {"metadata": {"labels": {"node-role.kubernetes.io/control-plane": ""}}}
            try:
                if has_network(context):
                    node = context.api.get(path)
                    taints = [one for one in node["spec"].get("taints", ()) if (one["key"], one["effect"]) != _NOT_READY]
                    change["spec"] = {"taints": taints}
                    change["metadata"]["resourceVersion"] = node["metadata"]["resourceVersion"]  # taints are one list, of several writers
                context.api.patch(path, change)
            except ApiError as error:
                if error.status not in {_NO_ANSWER, _CONFLICT}:
                    raise
                return NotYet(str(error))
            return True

        wait_for(f"node {context.first.name} to take its marks", mark, context.deadline, every=POLL_SECONDS)


class DnsPlace:
    """Says where DNS is, if that is known: its Service leads there as soon as kube-proxy runs. The controller that would say it has just begun."""

    name = "place"

    def __call__(self, context: BootContext) -> None:
        if context.config.networking.disable_default_cni:
            return
        service = context.api.get("/api/v1/namespaces/kube-system/services/kube-dns")
        pods = context.api.get("/api/v1/namespaces/kube-system/pods?labelSelector=k8s-app%3Dkube-dns")["items"]
        for one in first_pods.slices(service, pods):
            context.api.create(one)


class Finish:
    """Waits for kubeadm's remaining phases: its configuration, the control planes' marks, the bootstrap token's rights.

    Without it they come some seconds after the API server (``release``); who needs them before has them begin then (``settle``).
    """

    name = "finish"

    def __call__(self, context: BootContext) -> None:
        side_by_side(lambda one: settle(context, one), [one for one in context.nodes if one.machine.is_initial])


def settle(context: BootContext, on: BootMachine | None = None) -> None:
    """Waits until kubeadm has finished on a control plane (the first). Without that no node can join.

    Raises:
        CommandError: it failed, with what it said.
    """
    context.exec(["/kind/pytest-kind/settle"], on=on)


def default_actions(nodes: int, *, freeze: bool = False) -> list[Action]:
    """The steps for a new cluster of so many nodes.

    Others can join when kubeadm has finished; a single node's users need not wait for that, nor for DNS, whose first answer is awaited
    beside the first test (``answering.py``) unless the cluster is to be frozen as it is then.

    Args:
        freeze: whether copies are to be made of it.
    """
    last: list[Action] = [Freeze()] if freeze else []
    start: list[Action] = [Fill(), Start(), ControlPlane(), Facts()]
    if nodes == 1:
        return [*start, ApiServer(), Manifests(), NodesReady(), Mark(), DnsPlace(), Dns() if freeze else DnsLater(), Defaults(), *last]
    return [*start, Members(), ApiServer(), Manifests(), Finish(), Join(), Shares(), NodesReady(), Dns(), Defaults(), *last]


def joining_actions() -> list[Action]:
    """The steps for nodes that join a cluster that runs."""
    return [Fill(), Start(), Join(), Shares(), NodesReady(), Dns()]
