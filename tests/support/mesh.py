"""A pod on every node that serves its node's name, and the question whether each reaches all the others in every way."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from pytest_kind.waiting import Deadline, NotYet, wait_for

if TYPE_CHECKING:
    from pytest_kind.handle import KindCluster

BUSYBOX = "localhost/pytest-kind/busybox:1.35.0"
_SERVE = 'mkdir /www && echo "$NODE" >/www/node && exec httpd -f -vv -p 8080 -h /www'
_MANIFEST: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "DaemonSet",
    "metadata": {"name": "mesh"},
    "spec": {
        "selector": {"matchLabels": {"app": "mesh"}},
        "template": {
            "metadata": {"labels": {"app": "mesh"}},
            "spec": {
                "tolerations": [{"operator": "Exists"}],
                "terminationGracePeriodSeconds": 0,
                "containers": [
                    {
                        "name": "mesh",
                        "image": BUSYBOX,
                        "command": ["sh", "-c", _SERVE],
                        "env": [{"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
                    }
                ],
            },
        },
    },
}
_SERVICE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "mesh"},
    "spec": {"selector": {"app": "mesh"}, "ipFamilyPolicy": "PreferDualStack", "ports": [{"port": 80, "targetPort": 8080}]},
}


@dataclass(frozen=True)
class Member:
    """A pod of the mesh."""

    name: str
    node: str
    addresses: tuple[str, ...]


def deploy(cluster: KindCluster, namespace: str) -> list[Member]:
    """The mesh, once every pod of it runs."""
    cluster.kubectl("apply", "-n", namespace, "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": [_MANIFEST, _SERVICE]}))
    cluster.kubectl("rollout", "status", "-n", namespace, "daemonset/mesh", "--timeout=90s")
    pods = json.loads(cluster.kubectl("get", "pods", "-n", namespace, "-l", "app=mesh", "-o", "json"))["items"]
    return [Member(pod["metadata"]["name"], pod["spec"]["nodeName"], tuple(one["ip"] for one in pod["status"]["podIPs"])) for pod in pods]


def check(cluster: KindCluster, namespace: str, *, masked: bool = False) -> list[Member]:
    """Asserts that each pod reaches each by address, that all reach the Service by address and by name, and that senders are who they are."""
    members = deploy(cluster, namespace)
    assert {member.node for member in members} == {node.name for node in cluster.nodes}
    services = json.loads(cluster.kubectl("get", "service", "-n", namespace, "mesh", "-o", "json"))["spec"]["clusterIPs"]
    for member in members:
        lines = [
            f"[ \"$(timeout 5 wget -qO- http://{_host(address)}:8080/node)\" = {other.node} ] || echo 'no way to {other.node} at {address}'"
            for other in members
            for address in other.addresses
        ]
        lines += [f"{_patiently(_host(address))} || echo 'no way to service {address}'" for address in services]
        lines += [f"{_patiently(f'mesh.{namespace}.svc.cluster.local')} || echo 'no way to the name'"]
        said = cluster.kubectl("exec", "-n", namespace, member.name, "--", "sh", "-c", "; ".join(lines))
        assert not said, f"from {member.node}: {said}"
    if masked:  # a network that hides pods behind their nodes
        return members
    for member in members:
        wait_for(f"everybody in the log of {member.name}", partial(_seen_all, cluster, namespace, member, members), Deadline(30), every=0.5)
    return members


def _seen_all(cluster: KindCluster, namespace: str, member: Member, members: list[Member]) -> NotYet | bool:
    """Whether a pod knows all the others by their own addresses; after a restart of its node its log comes late."""
    seen = cluster.kubectl("logs", "-n", namespace, member.name)
    for other in members:
        if other != member and not any(f"{address}]" in seen or f"{address}:" in seen for address in other.addresses):
            return NotYet(f"{member.node} saw no {other.addresses}:\n{seen}")
    return True


def _patiently(host: str) -> str:
    """Until every node's kube-proxy has heard of the pods, a Service answers some and refuses others."""
    return f"for n in $(seq 50); do timeout 5 wget -qO- http://{host}/node >/dev/null 2>&1 && break; [ $n -lt 50 ] && sleep 0.2; done"


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address
