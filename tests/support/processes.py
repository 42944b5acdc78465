"""What a node says of its processes."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_kind.timeline import nodes

ASKED = ["bash", "-c", nodes._SCRIPT]
# Of a control plane: the kernel's names, in seconds since its start.
STARTED = {
    "systemd": 100.2,
    "containerd": 100.5,
    "kubelet": 101.0,
    "etcd": 101.3,
    "kube-apiserver": 101.31,
    "kube-controller": 103.0,
    "kube-scheduler": 103.01,
    "kube-proxy": 104.0,
    "coredns": 104.5,
    "local-path-prov": 104.8,
}


def listed(started: Mapping[str, float] = STARTED, up: float = 105.0, done: float = 105.0, wall: float = 1_700_000_105.0) -> str:
    """The script's answer: the first of the processes is number 1."""
    lines = [f"{number * number} {round(at * 100)} {name}" for number, (name, at) in enumerate(started.items(), 1)]
    return "\n".join([f"{up} {wall}", *lines, "9999 10480 sh", str(done), ""])
