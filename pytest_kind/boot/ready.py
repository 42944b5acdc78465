"""The ladder of readiness: what answered now, never a stored condition alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pytest_kind.api.http import ApiError
from pytest_kind.boot import addons
from pytest_kind.boot.context import BootContext, BootMachine, side_by_side
from pytest_kind.boot.kubeadm import has_units
from pytest_kind.waiting import NotYet, wait_for

POLL_SECONDS = 0.03
_NAME = "kubernetes.default.svc.cluster.local"


def wait_for_api(context: BootContext, *, without: Sequence[str] = ()) -> None:
    """Waits until the API server says that it is ready.

    Args:
        without: hooks of its start that are not waited for (https://kubernetes.io/docs/reference/using-api/health-checks/).
    """
    path = "/readyz" + "".join(f"{'&' if number else '?'}exclude=poststarthook/{name}" for number, name in enumerate(without))

    def probe() -> NotYet | bool:
        try:
            context.api.text(path)
        except ApiError as error:
            return NotYet(str(error))
        return True

    wait_for("the API server's /readyz", probe, context.deadline, every=POLL_SECONDS, on_wait=context.progress.tick)


def release(context: BootContext) -> None:
    """Lets the controllers start where they are static pods; units of a node see to that by themselves (``boot/node/controllers``)."""
    if not has_units(context.facts):
        control_planes = [one for one in context.nodes if one.machine.is_control_plane]
        side_by_side(lambda one: context.exec(["/kind/pytest-kind/release"], on=one), control_planes)


class NodesReady:
    """Waits for every new node to be Ready. Where the network is the user's to bring later, that is later."""

    name = "node"

    def __call__(self, context: BootContext) -> None:
        if not has_network(context):
            return

        booting = [one for one in context.fresh if one.machine.node is not None]

        def probe() -> NotYet | bool:
            try:
                found = readiness(context.api.get("/api/v1/nodes")["items"])
            except ApiError as error:
                return NotYet(str(error))
            for one in booting:
                ready = found.get(one.name, {})
                if ready.get("status") != "True":
                    return NotYet(f"node {one.name}: {ready.get('message', 'has reported nothing')}")
            return True

        wait_for("every node is Ready", probe, context.deadline, every=POLL_SECONDS, on_wait=context.progress.tick)


class Dns:
    """Waits until a query from a pod's network namespace, on every new node, to the DNS Service's address is answered."""

    name = "DNS"

    def __call__(self, context: BootContext) -> None:
        if not has_network(context) or context.config.networking.kube_proxy_mode == "none":
            return  # without kube-proxy nobody serves the address until the user's replacement does
        server = dns_address(context)

        def ask(one: BootMachine) -> None:
            seconds = max(1.0, context.deadline.left)
            # Without a network of ours there is none for a query of ours either: some pod's is asked from.
            program = "/kind/pytest-kind/dns-ready" if context.config.networking.disable_default_cni else "/kind/pytest-kind/pod-dns"
            context.exec([program, server, _NAME, f"{seconds:.1f}"], seconds + 5, on=one)

        asked = [one for one in context.fresh if one.machine.node is not None]
        side_by_side(ask, asked[:1] if context.config.networking.disable_default_cni else asked)


class DnsLater:
    """Leaves that to whoever makes the cluster, beside its first test: pods get their networks when it is so (``boot/node/ipam``)."""

    name = "DNS later"

    def __call__(self, context: BootContext) -> None:
        context.dns_later = True


class Defaults:
    """Waits for what tests take for granted: the default ServiceAccount and the default StorageClass."""

    name = "defaults"

    def __call__(self, context: BootContext) -> None:
        def probe() -> NotYet | bool:
            try:
                context.api.get("/api/v1/namespaces/default/serviceaccounts/default")
                classes = context.api.get("/apis/storage.k8s.io/v1/storageclasses")["items"]
            except ApiError as error:
                return NotYet(str(error))
            marked = [one for one in classes if one["metadata"].get("annotations", {}).get("storageclass.kubernetes.io/is-default-class") == "true"]
            return bool(marked) or NotYet("no StorageClass is marked as default")

        wait_for("default ServiceAccount and StorageClass", probe, context.deadline, every=POLL_SECONDS, on_wait=context.progress.tick)


def readiness(nodes: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """What the kubelets last said of themselves: the condition Ready of those that said anything, by their nodes' names."""
    found = ((node["metadata"]["name"], one) for node in nodes for one in node["status"].get("conditions", ()))
    return {name: condition for name, condition in found if condition["type"] == "Ready"}


def has_network(context: BootContext) -> bool:
    """Whether pods will have a network without anybody's doing: ours, or one that the configuration brings along."""
    return not context.config.networking.disable_default_cni or bool(context.config.manifests)


def dns_address(context: BootContext) -> str:
    """The cluster address of the DNS Service."""
    if context.copied is not None:
        return context.copied.dns
    if "dns" in context.manifests:
        return addons.service_address(addons.documents(context.manifests["dns"]))
    return str(context.api.get("/api/v1/namespaces/kube-system/services/kube-dns")["spec"]["clusterIP"])
