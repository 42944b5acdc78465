"""The kernel's limits against the number of nodes that run and are to run."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_kind.diagnose.doctor.facts import Facts
from pytest_kind.diagnose.doctor.finding import Finding, Rule, SetSysctl, Severity

# What a node takes of root's, and what the machine itself is given. Measured on v1.37.1, a control plane: 29 instances, 174 watches, 100
# to 240 threads; a worker: 15, 116, 70. The rest is for the tests' own pods.
INSTANCES_OF_NODE, INSTANCES_OF_MACHINE = 40, 20
WATCHES_OF_NODE, WATCHES_OF_MACHINE = 300, 2000
THREADS_OF_NODE, THREADS_OF_MACHINE = 250, 2000
# What kind's known-issues page has users set: https://kind.sigs.k8s.io/docs/user/known-issues/#pod-errors-due-to-too-many-open-files
ENOUGH_INSTANCES, ENOUGH_WATCHES = 512, 524288
_OPEN_FILES = 4096

INSTANCES = Rule(
    id="inotify-instances",
    severity=Severity.WARNING,
    what="fs.inotify.max_user_instances is too low for the nodes that run and are to run",
    why="systemd, kubelet and containerd of a node then say `too many open files`, and the node that came last does not get ready",
    remedy="`sudo sysctl -w fs.inotify.max_user_instances=512` on the engine's machine",
    fixable=True,
    early=True,
)
WATCHES = Rule(
    id="inotify-watches",
    severity=Severity.WARNING,
    what="fs.inotify.max_user_watches is too low for the nodes that run and are to run",
    why="kubelet and what watches files in pods say `no space left on device`, with room on every disk",
    remedy="`sudo sysctl -w fs.inotify.max_user_watches=524288` on the engine's machine",
    fixable=True,
    early=True,
)
PROCESSES = Rule(
    id="process-ids",
    severity=Severity.WARNING,
    what="kernel.pid_max is too low for the threads of the nodes that run and are to run",
    why="a program of a node cannot start a thread and ends (`resource temporarily unavailable`)",
    remedy="`sudo sysctl -w kernel.pid_max=4194304` on the engine's machine",
    fixable=True,
    early=True,
)
FILES = Rule(
    id="open-files",
    severity=Severity.WARNING,
    what="a process of a container may have fewer than 4096 open files",
    why="etcd and the API server have a file for each connection; they refuse more under load",
    remedy='set "default-ulimits": {"nofile": {"Name": "nofile", "Soft": 65536, "Hard": 65536}} in /etc/docker/daemon.json and restart the engine',
)
RULES = (INSTANCES, WATCHES, PROCESSES, FILES)


def limits(facts: Facts) -> Iterator[Finding]:
    """Each limit against what nodes take."""
    machine = facts.machine
    nodes = facts.holdings.running + facts.wanted.nodes
    for rule, name, limit, of_node, of_machine, enough in (
        (INSTANCES, "fs.inotify.max_user_instances", machine.inotify_instances, INSTANCES_OF_NODE, INSTANCES_OF_MACHINE, ENOUGH_INSTANCES),
        (WATCHES, "fs.inotify.max_user_watches", machine.inotify_watches, WATCHES_OF_NODE, WATCHES_OF_MACHINE, ENOUGH_WATCHES),
        (PROCESSES, "kernel.pid_max", machine.processes, THREADS_OF_NODE, THREADS_OF_MACHINE, 4194304),
    ):
        needed = of_machine + nodes * of_node
        if limit is not None and limit < needed:
            value = max(enough, needed)
            said = f"{name} is {limit}; {facts.holdings.running} nodes run and {facts.wanted.nodes} are to come, which takes about {needed}"
            yield rule.found(said, f"`sudo sysctl -w {name}={value}` on the engine's machine", SetSysctl(name, value))
    if machine.open_files is not None and machine.open_files < _OPEN_FILES:
        yield FILES.found(f"{machine.open_files}")
