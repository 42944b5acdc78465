"""The steps from created containers to a ready copy of a frozen cluster.

Its state is there before anything runs: etcd's, with this cluster's words in it (``boot/node/thaw``). Keys and certificates are its
own, made anew. What etcd says of nodes and pods is old news: nothing here believes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pytest_kind.api import kubeconfig
from pytest_kind.api.http import ApiError
from pytest_kind.boot.context import BootContext, BootMachine, side_by_side
from pytest_kind.boot.join import common_keys
from pytest_kind.boot.ready import POLL_SECONDS, DnsLater, has_network, readiness, release, wait_for_api
from pytest_kind.boot.told import told
from pytest_kind.image.archive import texts_archive
from pytest_kind.waiting import NotYet, wait_for

if TYPE_CHECKING:
    from pytest_kind.boot.actions import Action

_AUTHENTICATION = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication"
# What the API server sees to at its start that a copy has from the frozen cluster: roles and priority classes of Kubernetes' own.
_THERE = ("rbac/bootstrap-roles", "scheduling/bootstrap-system-priority-classes")
_ELECTIONS = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"


class Credentials:
    """Fetches what kubeadm made for this copy, and gives the other nodes theirs."""

    name = "keys"

    def __call__(self, context: BootContext) -> None:
        seconds = max(1, int(context.deadline.left))
        found = told(context.exec(["/kind/pytest-kind/facts", str(seconds), "copy"]))
        context.admin = kubeconfig.outside(found["admin"], context.facts.cluster, context.server)
        context.connect(kubeconfig.credentials(kubeconfig.outside(found["superAdmin"], context.facts.cluster, context.server)))
        context.authorities = {"client-ca-file": found["authority"], "requestheader-client-ca-file": found["frontProxy"]}
        side_by_side(lambda one: self._revive(context, one, found), context.nodes[1:])

    def _revive(self, context: BootContext, one: BootMachine, found: Mapping[str, str]) -> None:
        if one.machine.is_control_plane:
            with common_keys(context) as keys:
                context.provider.put(one.container, "/", keys)
        else:
            files = {
                "etc/kubernetes/kubelet.conf": (found[f"worker/{one.name}"].encode(), 0o600),
                "etc/kubernetes/pki/ca.crt": (found["authority"].encode(), 0o644),
            }
            with texts_archive(files) as archive:
                context.provider.put(one.container, "/", archive)
        context.exec(["/kind/pytest-kind/revive", f"{context.deadline.left:.0f}"], on=one)


class CopiedApi:
    """Waits for the API server, and takes out of its objects what only the frozen cluster had a right to."""

    name = "API"

    def __call__(self, context: BootContext) -> None:
        def correct() -> NotYet | bool:
            try:
                # The API server adds its authorities to those that are there.
                context.api.patch(_AUTHENTICATION, {"data": context.authorities})
                if context.facts.replicated:
                    # A lock that nobody holds any more would be waited for.
                    for name in ("kube-controller-manager", "kube-scheduler"):
                        context.api.delete(f"{_ELECTIONS}/{name}")
            except ApiError as error:
                return NotYet(str(error))
            return True

        wait_for("the API server takes objects", correct, context.deadline, every=POLL_SECONDS, on_wait=context.progress.tick)
        wait_for_api(context, without=_THERE)
        release(context)
        unfinished = [*context.copied.unfinished] if context.copied is not None else []

        def begin_anew() -> NotYet | bool:
            # Their time to progress (ten minutes) began when they were frozen; without conditions it begins now.
            try:
                while unfinished:
                    namespace, _, name = unfinished[0].partition("/")
                    context.api.patch(f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}/status", {"status": {"conditions": None}})
                    unfinished.pop(0)
            except ApiError as error:  # of several API servers one may still go
                return NotYet(str(error))
            return True

        wait_for("unfinished rollouts to begin anew", begin_anew, context.deadline, every=POLL_SECONDS, on_wait=context.progress.tick)


class Alive:
    """Waits until every node has said anew that it is Ready: what it said before it was frozen counts for nothing."""

    name = "node"

    def __call__(self, context: BootContext) -> None:
        before = context.copied.beats_for(context.facts) if context.copied is not None else {}

        def probe() -> NotYet | bool:
            try:
                found = readiness(context.api.get("/api/v1/nodes")["items"])
            except ApiError as error:
                return NotYet(str(error))
            silent = [one.name for one in context.nodes if found.get(one.name, {}).get("lastHeartbeatTime", "") <= before.get(one.name, "")]
            if silent:
                return NotYet(f"no sign of life of {', '.join(silent)}")
            unready = [f"node {one.name}: {found[one.name]['message']}" for one in context.nodes if found[one.name]["status"] != "True"]
            return NotYet("; ".join(unready)) if unready and has_network(context) else True

        wait_for("every node's sign of life", probe, context.deadline, every=POLL_SECONDS, on_wait=context.progress.tick)


def copying_actions() -> list[Action]:
    """The steps for a copy. DNS' first answer is awaited beside the first test (``answering.py``)."""
    from pytest_kind.boot.actions import Fill, Start  # noqa: PLC0415 - they are above this module

    return [Fill(), Start(), Credentials(), CopiedApi(), Alive(), DnsLater()]
