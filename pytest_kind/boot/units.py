"""The control plane as units of its node: kubeadm's static pods, said in systemd's words. Pure.

A static pod waits for the kubelet, its sandbox and its container, and everything else in a cluster waits for etcd and the API
server. The programs are those of the same images, with kubeadm's own arguments, volumes and environment.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pytest_kind.boot import addons
from pytest_kind.errors import KindError

Pod = dict[str, Any]

# In the order in which they are started; the last two when the API server answers.
PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
_FOLDER = "etc/systemd/system"
_BIN = "/kind/pytest-kind/bin"
_STOP_SECONDS = 1
_ETCD = "unix:///run/etcd.sock"  # which only root may write to
_LISTENS, _SERVERS = "--listen-client-urls=", "--etcd-servers="
_OWN = re.compile(rf"{_SERVERS}https://(127\.0\.0\.1|\[::1\]):2379")
_CERTIFICATE, _KEY = "--tls-cert-file=", "--tls-private-key-file="
# Without a certificate to serve with they make one at each start, and look for an RSA key for it as long as a tenth of a second or three.
_SELF_SIGNED = ("kube-controller-manager", "kube-scheduler")


def unit_files(manifests: dict[str, str]) -> dict[str, tuple[bytes, int]]:
    """The units of a control plane.

    Args:
        manifests: of its static pods, by their programs' names.

    Raises:
        KindError: one of them has what a unit cannot have.
    """
    pods = {name: addons.documents(text)[0] for name, text in manifests.items()}
    api = [_words(pods[name]) for name in pods if name == "kube-apiserver"]
    serving = [word for words in api for word in words if word.startswith((_CERTIFICATE, _KEY))]
    return {f"{_FOLDER}/{name}.service": (unit(pod, serving if name in _SELF_SIGNED else ()).encode(), 0o644) for name, pod in pods.items()}


def unit(pod: Pod, serving: Sequence[str] = ()) -> str:
    """A static pod's only container as a unit.

    Args:
        pod: the static pod.
        serving: arguments that say with which certificate a server serves, for one that has none of its own.

    Raises:
        KindError: there are several, or it mounts something else than the node's files.
    """
    name, containers = pod["metadata"]["name"], pod["spec"]["containers"]
    if len(containers) != 1 or pod["spec"].get("initContainers"):
        raise KindError(f"static pod {name} has several containers: as a unit of its node it can have one")
    container = containers[0]
    words = _local(_words(pod))
    words += [] if any(word.startswith((_CERTIFICATE, _KEY)) for word in words) else serving
    lines = [
        "[Unit]",
        f"Description={name}, kubeadm's static pod as a unit",
        "DefaultDependencies=no",
        "StartLimitIntervalSec=0",
        "[Service]",
        # Of all that is said here only a command has variables.
        f"ExecStart={' '.join(_quoted(word) for word in [f'{_BIN}/{words[0]}', *words[1:]]).replace('$', '$$')}",
        "Restart=always",
        "RestartSec=500ms",
        # Before containerd, kubelet and what they start, which wait for it: as much as ten of them.
        "CPUWeight=1000",
        f"TimeoutStopSec={_STOP_SECONDS}",
        "LimitNOFILE=infinity",
        *(f"Environment={_quoted(one['name'] + '=' + one.get('value', ''))}" for one in container.get("env", ())),
        *_binds(pod, container),
    ]
    return "\n".join([*lines, ""])


def _words(pod: Pod) -> list[str]:
    container = pod["spec"]["containers"][0]
    return [*container.get("command", []), *container.get("args", [])]


def _local(words: list[str]) -> list[str]:
    """The API server asks the node's own etcd over a socket: it has a connection for each resource, and over TLS each has a handshake."""
    if any(word.startswith(_SERVERS) and not _OWN.fullmatch(word) for word in words):
        return words  # another etcd, of the user's
    found = []
    for word in words:
        if word.startswith(_LISTENS):
            found.append(f"{word},{_ETCD}")
        elif word.startswith(_SERVERS):
            found.append(f"{_SERVERS}{_ETCD}")
        elif not word.startswith(("--etcd-cafile=", "--etcd-certfile=", "--etcd-keyfile=")):
            found.append(word)
    return found


def _binds(pod: Pod, container: Pod) -> list[str]:
    """The volumes that are elsewhere in the container than on the node."""
    sources = {one["name"]: one for one in pod["spec"].get("volumes", ())}
    lines = []
    for mount in container.get("volumeMounts", ()):
        source = sources.get(mount["name"], {}).get("hostPath", {}).get("path")
        if source is None:
            raise KindError(f"static pod {pod['metadata']['name']} has a volume {mount['name']!r} that is none of the node's files")
        if source != mount["mountPath"]:
            lines.append(f"{'BindReadOnlyPaths' if mount.get('readOnly') else 'BindPaths'}={_quoted(source + ':' + mount['mountPath'])}")
    return lines


def _quoted(word: str) -> str:
    """As systemd reads it: in quotes, with its specifiers switched off."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("\n", "\\n")
    return f'"{escaped}"'
