"""Machines, the API and DNS: told by their states."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_kind.diagnose import nodes, stuck
from pytest_kind.diagnose.hints.rule import Finding, Rule, line_of, quote, tell
from pytest_kind.diagnose.pods import NO_IMAGE, in_trouble, seen
from pytest_kind.diagnose.scene import ERROR, LOG, Scene

_NAME_UNKNOWN = re.compile(
    r"(?i)(?:lookup (?P<name>[\w.-]+)(?: on \S+)?: [^\n]*|no such host|SERVFAIL|NXDOMAIN|temporary failure in name resolution"
    r"|name or service not known"
    r"|bad address '?(?P<bad>[\w.-]+)|could not resolve host:? (?P<host>[\w.-]+)|name does not resolve|no servers could be reached)"
)
_STATES = {
    "exited": "it was stopped, killed, or its first process ended",
    "paused": "its processes are frozen",
    nodes.GONE: "there is no such container any more",
    "created": "it was never started",
}


def _stopped(scene: Scene) -> Iterator[Finding]:
    for machine in scene.machines:
        if machine.state not in {nodes.RUNNING, nodes.UNKNOWN}:
            words = machine.console.strip().splitlines()
            last = f"; its console ended with: {words[-1]}" if words else ""
            why = _STATES.get(machine.state, "")
            yield Finding(
                f"machine {machine.name} ({machine.role}) does not run: its container is {machine.state}", tell("the engine", f"{why}{last}")
            )


def _full(scene: Scene) -> Iterator[Finding]:
    for machine in scene.machines:
        if machine.facts.get("disk"):
            yield Finding(f"the disk of {machine.name} is full", tell(f"df on {machine.name}", machine.facts["disk"].replace("\n", ", ")))


def _no_api(scene: Scene) -> Iterator[Finding]:
    if not scene.answered:
        control = [f"{one.name} is {one.state}" for one in scene.machines if one.role == "control-plane"]
        why = next((line for line in scene.missing if line.startswith("objects: ")), "")
        yield Finding(f"the API server of cluster {scene.cluster} does not answer ({', '.join(control)})", tell("this process", why))


def _not_ready(scene: Scene) -> Iterator[Finding]:
    for node in scene.of("nodes"):
        for kind, words in nodes.wrong_conditions(node):
            if kind in {"Ready", "NetworkUnavailable"}:
                yield Finding(f"node {node['metadata']['name']} is not ready", tell(f"Node {node['metadata']['name']}", words))


def _pressure(scene: Scene) -> Iterator[Finding]:
    for node in scene.of("nodes"):
        for kind, words in nodes.wrong_conditions(node):
            if kind.endswith("Pressure"):
                what = {"DiskPressure": "disk", "MemoryPressure": "memory", "PIDPressure": "process ids"}.get(kind, kind)
                yield Finding(
                    f"node {node['metadata']['name']} is short of {what}: it takes no pods, and evicts some",
                    tell(f"Node {node['metadata']['name']}", words),
                )


def _kernel_killed(scene: Scene) -> Iterator[Finding]:
    for machine in scene.machines:
        for line in machine.kernel:
            task = re.search(r"task=([^,]+)", line)
            yield Finding(
                f"the kernel killed {task[1] if task else 'a process'} of a pod for memory, on {machine.name}",
                tell(f"kernel of {machine.name}", line),
            )


def _dns(scene: Scene) -> Iterator[Finding]:
    broken = [one for one in stuck.without_endpoints(scene) if (one["metadata"].get("namespace"), one["metadata"]["name"]) == stuck.DNS]
    for service in broken:
        pods = [seen(pod) for pod in stuck.chosen(scene, service)]
        waits = [f"{container.waiting[0]}" for pod in pods for container in pod.containers if container.waiting]
        states = ", ".join(f"{pod.name} is {pod.phase}" for pod in pods) or "there is none: its Deployment was scaled down, or may not make any"
        yield Finding(
            "cluster DNS does not answer: no CoreDNS pod is ready; every name that pods look up fails",
            tell("Service kube-system/kube-dns", f"no endpoint; CoreDNS pods: {states}{' (' + ', '.join(waits) + ')' if waits else ''}"),
        )


def _names(scene: Scene) -> Iterator[Finding]:
    images = {one.image for pod in in_trouble(scene) for one in pod.containers if one.waiting is not None and one.waiting[0] in NO_IMAGE}
    for said in scene.said(ERROR, LOG) if scene.answered else ():
        # An image's registry that has no name is that image's hint.
        matches = (one for one in _NAME_UNKNOWN.finditer(said.text) if not any(image in line_of(said, one) for image in images))
        match = next(matches, None)
        if match:
            name = next(filter(None, (match["name"], match["bad"], match["host"])), "a name")
            yield Finding(f"{name} is not known to DNS ({said.where})", quote(said, match), namespace=said.namespace)


FIRST = (
    Rule(
        name="a machine of the cluster does not run",
        sign="the state of its container in the engine",
        remedy="the test (node.stop(), kill(), pause()), another run, the engine or a lease that ran out stopped it; node.start() brings it back",
        find=_stopped,
    ),
    Rule(
        name="a machine's disk is full",
        sign="a mount of the machine with less than 100 MB",
        remedy="it is the engine's: `docker system df` says what takes it, `pytest --kind-gc` removes what runs left behind",
        find=_full,
    ),
    Rule(
        name="the API is gone",
        sign="no request to the API server is answered",
        remedy="the machine's journal below has the API server's and etcd's last errors; `kind_cluster.wait_until_well()` after a fault",
        find=_no_api,
    ),
    Rule(
        name="a node is not ready",
        sign="condition Ready of the Node",
        remedy="the kubelet's and containerd's lines below; what was paused or cut off comes back by itself: kind_cluster.wait_until_well()",
        find=_not_ready,
    ),
    Rule(
        name="a node is short of disk, memory or process ids",
        sign="conditions DiskPressure, MemoryPressure, PIDPressure of the Node",
        remedy="nodes have the engine's disk and memory: docker system df, `pytest --kind-gc`, fewer clusters at a time",
        find=_pressure,
    ),
)
DNS = (
    Rule(
        name="cluster DNS does not answer",
        sign="Service kube-system/kube-dns without an endpoint",
        remedy="kubectl -n kube-system describe deployment,pod -l k8s-app=kube-dns; a changed Corefile (ConfigMap coredns) is the usual reason",
        find=_dns,
    ),
)
LAST = (
    Rule(
        name="the kernel killed a process for memory",
        sign="`oom-kill` of a process of this node in the kernel's log",
        remedy="a higher limit for the container, or more memory for the node (`memory` in the configuration) or the engine's machine",
        find=_kernel_killed,
    ),
    Rule(
        name="a name is not known to DNS",
        sign="`no such host`, `SERVFAIL`, `bad address`, `could not resolve host` in the test's error or a log",
        remedy="see that the Service is there, and in that namespace: NAME.NAMESPACE.svc; names outside of the cluster are known by the engine's DNS",
        find=_names,
    ),
)
