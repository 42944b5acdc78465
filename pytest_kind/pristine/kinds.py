"""What of a cluster counts when it is compared with what it was, kind by kind, and why: one table. Pure.

What no rule speaks of counts whole but for its status: it is compared, put back and taken away. Beside the table stands one rule
for all: what is controlled by something that stays (a ReplicaSet by its Deployment, a pod by its ReplicaSet), and Endpoints and
EndpointSlices of a Service that stays, are their controllers' business (``difference.py``).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pytest_kind.pristine.conditions import condition
from pytest_kind.pristine.model import Document, Resource

Of = Callable[[Document], bool]


def _all(_: Document) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What is different with some objects.

    Attributes:
        resource: of which.
        why: the reason.
        of: of its objects those; all by default.
        looked_at: whether it is listed at all.
        compared: whether what is in it counts.
        put_back: whether it is made again where it is gone.
        taken_away: whether it goes where it is new.
        scrub: takes out of a copy of it what does not count.
    """

    resource: str
    why: str
    of: Of = _all
    looked_at: bool = True
    compared: bool = True
    put_back: bool = True
    taken_away: bool = True
    scrub: Callable[[Document], None] | None = None


def _annotation(name: str) -> Of:
    return lambda one: name in one["metadata"].get("annotations", ())


def _in_namespace(*names: str) -> Of:
    return lambda one: one["metadata"].get("namespace") in names


def _named(*names: str) -> Of:
    return lambda one: one["metadata"]["name"] in names


def _public(name: str) -> Of:
    return lambda one: one["metadata"].get("namespace") == "kube-public" and one["metadata"]["name"] == name


def _without_annotations(*names: str) -> Callable[[Document], None]:
    def scrub(one: Document) -> None:
        left = {name: value for name, value in one["metadata"].pop("annotations", {}).items() if name not in names}
        if left:
            one["metadata"]["annotations"] = left

    return scrub


def _without_signatures(one: Document) -> None:
    one["data"] = {name: value for name, value in one.get("data", {}).items() if not name.startswith("jws-kubeconfig-")}


# Kubernetes' pkg/controller/nodelifecycle and the kubelet's and cloud providers' word of the network.
_TAINTS = {
    f"node.kubernetes.io/{name}"
    for name in ("disk-pressure", "memory-pressure", "network-unavailable", "not-ready", "pid-pressure", "unreachable", "unschedulable")
}


def _without_conditions(one: Document) -> None:
    """Without the node controller's view of its condition. Other taints are a user's, ``node.kubernetes.io/out-of-service`` too."""
    _without_annotations("node.alpha.kubernetes.io/ttl", "csi.volume.kubernetes.io/nodeid", "volumes.kubernetes.io/controller-managed-attach-detach")(
        one
    )
    left = [taint for taint in one["spec"].pop("taints", ()) if taint["key"] not in _TAINTS]
    if left:
        one["spec"]["taints"] = left


def _without_token(one: Document) -> None:
    one.pop("data", None)
    _without_annotations("kubernetes.io/service-account.uid")(one)


def _unbound_claim(one: Document) -> None:
    one["spec"].pop("volumeName", None)
    _without_annotations(
        "pv.kubernetes.io/bind-completed",
        "pv.kubernetes.io/bound-by-controller",
        "volume.beta.kubernetes.io/storage-provisioner",
        "volume.kubernetes.io/storage-provisioner",
        "volume.kubernetes.io/selected-node",
    )(one)


def _unbound_volume(one: Document) -> None:
    one["spec"].pop("claimRef", None)
    _without_annotations("pv.kubernetes.io/bound-by-controller")(one)


def _unplaced(one: Document) -> None:
    spec: dict[str, Any] = one["spec"]
    spec.pop("nodeName", None)
    spec["volumes"] = [volume for volume in spec.get("volumes", ()) if not volume["name"].startswith("kube-api-access-")]
    for container in (*spec.get("initContainers", ()), *spec.get("containers", ())):
        mounts = container.get("volumeMounts", ())
        container["volumeMounts"] = [mount for mount in mounts if not mount["name"].startswith("kube-api-access-")]


def _unselected(one: Document) -> None:
    one["spec"].pop("selector", None)
    for meta in (one["metadata"], one["spec"]["template"]["metadata"]):
        meta["labels"] = {
            name: value for name, value in meta.get("labels", {}).items() if name.rpartition("/")[2] not in {"controller-uid", "job-name"}
        }


def _without_rules(one: Document) -> None:
    if one.get("aggregationRule"):
        one.pop("rules", None)


def _without_spec(one: Document) -> None:
    one.pop("spec", None)


def is_mirror(one: Document) -> bool:
    """Whether it is a kubelet's word for a static pod."""
    return "kubernetes.io/config.mirror" in one["metadata"].get("annotations", ())


def _is_finished(one: Document) -> bool:
    return any(condition(one, name).get("status") == "True" for name in ("Complete", "Failed"))


def _is_kubelets(one: Document) -> bool:
    return str(one.get("spec", {}).get("signerName", "")).startswith("kubernetes.io/kube-apiserver-client-kubelet")


def _is_api_servers(one: Document) -> bool:
    return bool(one.get("spec", {}).get("signerName") == "kubernetes.io/kube-apiserver-serving")


def _is_bootstrap_token(one: Document) -> bool:
    return bool(one.get("type") == "bootstrap.kubernetes.io/token")


def _is_token(one: Document) -> bool:
    return bool(one.get("type") == "kubernetes.io/service-account-token")


def _is_managed(one: Document) -> bool:
    return "kube-aggregator.kubernetes.io/automanaged" in one["metadata"].get("labels", ())


def _ignored(resource: str, why: str, of: Of = _all) -> Rule:
    """Others make, change and remove them; nothing of that counts."""
    return Rule(resource=resource, why=why, of=of, compared=False, put_back=False, taken_away=False)


TABLE = (
    Rule(resource="events", why="a diary, which expires by itself; those of a namespace go with it", looked_at=False),
    Rule(resource="events.events.k8s.io", why="the same events a second time", looked_at=False),
    Rule(resource="componentstatuses", why="not kept anywhere: probes", looked_at=False),
    Rule(resource="ipaddresses.networking.k8s.io", why="the API server's accounts of what Services have", looked_at=False),
    Rule(resource="leases.coordination.k8s.io", why="renewed all the time, made anew by who wants one", compared=False, put_back=False),
    Rule(
        resource="leases.coordination.k8s.io",
        why="signs of life of nodes, API servers and controllers",
        of=_in_namespace("kube-node-lease", "kube-system"),
        taken_away=False,
    ),
    _ignored("leasecandidates.coordination.k8s.io", "as leases", _in_namespace("kube-system")),
    Rule(resource="configmaps", why="each namespace gets one", of=_named("kube-root-ca.crt"), taken_away=False),
    Rule(resource="serviceaccounts", why="each namespace gets one", of=_named("default"), taken_away=False),
    _ignored("configmaps", "kind_registry's word of itself, which comes and goes with it", _public("local-registry-hosting")),
    Rule(
        resource="configmaps",
        why="signed by the controller manager, once for each bootstrap token",
        of=_public("cluster-info"),
        scrub=_without_signatures,
    ),
    _ignored("secrets", "kubeadm's tickets for nodes: they expire, and joining nodes make some", _is_bootstrap_token),
    Rule(resource="secrets", why="the token is made for the account as it is now", of=_is_token, scrub=_without_token),
    _ignored("pods", "static: the kubelet's, from files of its node", is_mirror),
    Rule(resource="pods", why="the scheduler's choice, and the kubelet's tokens", scrub=_unplaced),
    Rule(
        resource="deployments.apps",
        why="the controller counts its revisions",
        scrub=_without_annotations("deployment.kubernetes.io/revision"),
    ),
    Rule(
        resource="daemonsets.apps",
        why="the controller counts its templates",
        scrub=_without_annotations("deprecated.daemonset.template.generation"),
    ),
    Rule(resource="jobs.batch", why="it is done: made again it would run again", of=_is_finished, compared=False, put_back=False),
    Rule(resource="jobs.batch", why="its labels and selector name its uid", scrub=_unselected),
    Rule(resource="namespaces", why="of its fields only the metadata are a user's", scrub=_without_spec),
    Rule(resource="nodes", why="what controllers and the kubelet note on a node", scrub=_without_conditions),
    Rule(
        resource="persistentvolumes",
        why="made for a claim: its claim stands for it",
        of=_annotation("pv.kubernetes.io/provisioned-by"),
        compared=False,
        put_back=False,
    ),
    Rule(resource="persistentvolumes", why="whose it is: a claim that was made again has another uid", scrub=_unbound_volume),
    Rule(resource="persistentvolumeclaims", why="which volume it has: its data cannot be brought back", scrub=_unbound_claim),
    Rule(resource="clusterroles.rbac.authorization.k8s.io", why="rules that are collected from other roles", scrub=_without_rules),
    Rule(resource="certificatesigningrequests.certificates.k8s.io", why="done, and cleared away after an hour", compared=False, put_back=False),
    Rule(resource="certificatesigningrequests.certificates.k8s.io", why="kubelets'", of=_is_kubelets, taken_away=False),
    _ignored("podcertificaterequests.certificates.k8s.io", "kubelets', of a moment"),
    _ignored("clustertrustbundles.certificates.k8s.io", "the controller manager's, named after what is in it", _is_api_servers),
    _ignored("apiservices.apiregistration.k8s.io", "the API server's: one for each group that it serves itself", _is_managed),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What counts of an object; see :class:`Rule`."""

    compared: bool
    put_back: bool
    taken_away: bool


def is_looked_at(resource: Resource) -> bool:
    """Whether a resource is listed."""
    return all(rule.looked_at for rule in _rules(resource.name))


def verdict(resource: str, one: Document) -> Verdict:
    """What counts of an object."""
    rules = [rule for rule in _rules(resource) if rule.of(one)]
    return Verdict(
        compared=all(rule.compared for rule in rules),
        put_back=all(rule.put_back for rule in rules),
        taken_away=all(rule.taken_away for rule in rules),
    )


def content(resource: str, one: Document) -> Document:
    """A copy of an object with what counts: no status, no uid, nothing that the API server or a controller writes."""
    meta = one["metadata"]
    kept = {name: copy.deepcopy(meta[name]) for name in ("name", "namespace", "labels", "annotations", "finalizers") if meta.get(name)}
    owners = [{name: value for name, value in owner.items() if name != "uid"} for owner in meta.get("ownerReferences", ())]
    if owners:
        kept["ownerReferences"] = owners
    copied = {**{name: copy.deepcopy(value) for name, value in one.items() if name not in {"metadata", "status"}}, "metadata": kept}
    for rule in _rules(resource):
        if rule.scrub is not None and rule.of(one):
            rule.scrub(copied)
    return copied


def _rules(resource: str) -> list[Rule]:
    return _BY_RESOURCE.get(resource, [])


_BY_RESOURCE = {name: [rule for rule in TABLE if rule.resource == name] for name in {rule.resource for rule in TABLE}}
