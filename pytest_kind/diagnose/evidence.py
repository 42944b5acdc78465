"""What a node can tell when a boot failed: short, in the error itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_kind.diagnose.redact import redacted
from pytest_kind.errors import KindError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_kind.boot.context import BootMachine
    from pytest_kind.provision.provider import Provider

_QUESTIONS = (
    ("the engine's disk is full: less than 100 MB are left", ["sh", "-c", 'df -P -m / /var | awk \'NR > 1 && $4 < 100 {print $6 ": " $4 " MB"}\'']),
    ("units that failed", ["systemctl", "--failed", "--no-legend", "--plain"]),
    (
        "journal, warnings and worse",
        ["journalctl", "--no-pager", "--output", "short-monotonic", "--priority", "warning", "--lines", "25"],
    ),
    ("kubelet, its last lines", ["journalctl", "--no-pager", "--output", "cat", "--unit", "kubelet", "--lines", "15"]),
    ("this node's preparation", ["journalctl", "--no-pager", "--output", "cat", "--unit", "pytest-kind-prepare", "--lines", "15"]),
    (
        "control plane's units, last lines",
        ["sh", "-c", "journalctl --no-pager --quiet --output cat --unit etcd --unit kube-apiserver --lines 12 | cut -c1-400"],
    ),
    ("containers", ["sh", "-c", "ls -1 /var/log/containers | cut -c1-120"]),
    (
        "control plane, last lines",
        ["sh", "-c", 'for f in /var/log/containers/*_kube-system_*.log; do echo "== $(basename $f | cut -d_ -f1)"; tail -n 6 $f; done | cut -c1-400'],
    ),
)


def boot_evidence(provider: Provider, cluster: str, error: KindError, machines: Iterable[BootMachine]) -> str:
    """What all machines of a cluster say that did not come up, after the causes that it is known by. Never raises."""
    from pytest_kind.diagnose.sections import with_causes  # noqa: PLC0415 - a table of patterns, for boots that fail

    evidence = "\n".join(filter(None, (node_evidence(provider, one.container, one.name) for one in machines)))
    return with_causes(cluster, str(error), evidence)


def node_evidence(provider: Provider, container: str, name: str) -> str:
    """Journal, console and control plane logs of a node, whatever of it can be had, without secrets. Never raises."""
    found = []
    try:
        current = provider.container(container)
        if current is None:
            return f"--- {name}: the container is gone"
        if not current.running:
            found.append(f"--- {name}: the container is {current.state}; its console ended with\n{provider.logs(container, 40).strip()}")
        else:
            for title, argv in _QUESTIONS:
                answer = provider.exec(container, argv, seconds=5)
                if answer.code == 0 and answer.output.strip():
                    found.append(f"--- {name}: {title}\n{answer.output.strip()}")
    except KindError as error:
        found.append(f"--- {name}: no more evidence: {error}")
    return redacted("\n".join(found))
