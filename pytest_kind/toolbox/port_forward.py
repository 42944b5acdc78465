"""``port_forward``: which pod and port is meant, and the tunnel to it."""

from __future__ import annotations

import contextlib
import difflib
import errno
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from pytest_kind.api.http import Api, ApiError
from pytest_kind.api.kubeconfig import Credentials
from pytest_kind.api.port_forward import PodPort, Tunnel, forwarding
from pytest_kind.errors import UsageError, WaitTimeout
from pytest_kind.toolbox.pod_state import pod_state
from pytest_kind.toolbox.selectors import as_text
from pytest_kind.waiting import Deadline, NotYet, wait_for

_NOT_FOUND = 404
_HIGHEST = 65535
# kubectl's words for a kind -> where its objects are.
_KINDS = {
    **dict.fromkeys(("po", "pod", "pods"), "api/v1/{}/pods"),
    **dict.fromkeys(("svc", "service", "services"), "api/v1/{}/services"),
    **dict.fromkeys(("deploy", "deployment", "deployments"), "apis/apps/v1/{}/deployments"),
    **dict.fromkeys(("rs", "replicaset", "replicasets"), "apis/apps/v1/{}/replicasets"),
    **dict.fromkeys(("sts", "statefulset", "statefulsets"), "apis/apps/v1/{}/statefulsets"),
    **dict.fromkeys(("ds", "daemonset", "daemonsets"), "apis/apps/v1/{}/daemonsets"),
    **dict.fromkeys(("job", "jobs"), "apis/batch/v1/{}/jobs"),
}
_NAMES = {
    "pods": "pod",
    "services": "Service",
    "deployments": "Deployment",
    "replicasets": "ReplicaSet",
    "statefulsets": "StatefulSet",
    "daemonsets": "DaemonSet",
    "jobs": "Job",
}
_TOLD = 10  # of others that there are


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants to reach: ``svc/web``, its port (a number or a name), in a namespace.

    Attributes:
        who: asks, for messages.
    """

    what: str
    port: int | str
    namespace: str = "default"
    address: str = "127.0.0.1"
    who: str = field(default="port_forward", compare=False)

    @property
    def kind(self) -> str:
        """Of the object; a name alone is a pod's, as for kubectl."""
        return self.what.partition("/")[0].lower() if "/" in self.what else "pod"

    @property
    def name(self) -> str:
        """Of the object."""
        return self.what.rpartition("/")[2]

    @property
    def resource(self) -> str:
        """Of the kind: ``services``."""
        return _KINDS[self.kind].rpartition("/")[2]

    def __str__(self) -> str:
        return f"{_NAMES[self.resource]} {self.name} in namespace {self.namespace}"

    @property
    def collection(self) -> str:
        """Where objects of the kind are."""
        return "/" + _KINDS[self.kind].format(f"namespaces/{quote(self.namespace, safe='')}")


def parse(what: str, port: int | str, args: Sequence[str]) -> Wanted:
    """What is meant by the arguments of ``port_forward``; all that is wrong with them in one error.

    Raises:
        UsageError: no such kind, no such port, an argument that is not known.
    """
    given: dict[str, str] = {}
    wrong: list[str] = []
    rest = list(args)
    while rest:
        word = rest.pop(0)
        flag, equals, value = word.partition("=")
        if word.startswith("-n") and len(word) > len("-n") and not equals:
            flag, equals, value = "-n", "=", word.removeprefix("-n")
        if flag not in _FLAGS or not (equals or rest):
            wrong.append(f"{word!r} is not accepted; accepted are -n NAMESPACE, --namespace NAMESPACE and --address ADDRESS")
            continue
        given[_FLAGS[flag]] = value if equals else rest.pop(0)
    if given.get("address") == "localhost":
        given["address"] = "127.0.0.1"
    if isinstance(port, str) and port.isdecimal():
        port = int(port)
    if not port or (isinstance(port, int) and not 0 < port <= _HIGHEST):
        wrong.append(f"remote_port: {port!r} is not accepted; accepted is a number from 1 to {_HIGHEST}, or a port's name")
    wanted = Wanted(what, port, **given)
    if wanted.kind not in _KINDS or not wanted.name:
        wrong.append(f"{what!r} is not accepted; accepted is a pod's name, or KIND/NAME with one of {', '.join(sorted(_KINDS))}")
    if wrong:
        raise UsageError("\n".join(f"port_forward: {one}" for one in wrong))
    return wanted


_FLAGS = {"-n": "namespace", "--namespace": "namespace", "--address": "address"}


@contextlib.contextmanager
def port_forward(credentials: Callable[[], Credentials], scratch: Path, wanted: Wanted, local_port: int | None, seconds: float) -> Iterator[int]:
    """A local port that leads to a pod, until the block ends.

    Args:
        credentials: how the API is reached now.
        scratch: a private folder, for moments.
        local_port: or nothing for a free one.
        seconds: how long to wait for a pod, and each connection for its port to be open.

    Raises:
        UsageError: the local port cannot be had, or the Service has no such port.
        WaitTimeout: no pod of it runs.
    """
    with _Reached(credentials, scratch) as api, _listening(wanted.address, local_port) as listener:
        try:
            first = _first(api(), wanted, Deadline(seconds), ready=True)
        except WaitTimeout:  # one that is not ready can be what a test is about
            first = _first(api(), wanted, Deadline(0), ready=False)
        tunnel = Tunnel(api, lambda: find(api(), wanted, last=tunnel.last), seconds, first)
        with forwarding(tunnel, listener):
            yield listener.getsockname()[1]


@contextlib.contextmanager
def to_ready_pods(credentials: Callable[[], Credentials], scratch: Path, wanted: Wanted, deadline: Deadline) -> Iterator[tuple[int, Tunnel]]:
    """The same, to pods that are ready alone; the tunnel says why there is no connection.

    Args:
        deadline: until there is one. Each connection waits as long again.
    """
    with _Reached(credentials, scratch) as api, _listening(wanted.address, None) as listener:
        first = _first(api(), wanted, deadline, ready=True)
        tunnel = Tunnel(api, lambda: find(api(), wanted, ready=True, last=tunnel.last), deadline.seconds, first)
        with forwarding(tunnel, listener):
            yield listener.getsockname()[1], tunnel


class _Reached:
    """The API as it is reached now: a cluster that is stopped and started may be published at another port."""

    def __init__(self, credentials: Callable[[], Credentials], scratch: Path) -> None:
        self._credentials, self._scratch = credentials, scratch
        self._lock = threading.Lock()
        self._known = credentials()
        self._api = Api(self._known, scratch)

    def __call__(self) -> Api:
        with self._lock:
            credentials = self._credentials()
            if credentials != self._known:
                self._api.close()
                self._known, self._api = credentials, Api(credentials, self._scratch)
            return self._api

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._api.close()


def _first(api: Api, wanted: Wanted, deadline: Deadline, *, ready: bool) -> PodPort:
    what = str(wanted) if wanted.resource == "pods" else f"a pod of {wanted}"
    try:
        return wait_for(f"{wanted.who}: {what}", lambda: find(api, wanted, ready=ready), deadline)
    except WaitTimeout as error:
        raise WaitTimeout(error.what, error.seconds, "; ".join([error.last_seen, *_others(api, wanted)])) from None


def _others(api: Api, wanted: Wanted) -> list[str]:
    """Where what is wanted is not there: what is, those of a similar name first, and whether it is in another namespace."""
    try:
        listed = api.get(f"/{_KINDS[wanted.kind].replace('{}/', '')}")["items"]
    except ApiError as error:
        return [f"what there is instead is not known: {error}"]
    there = sorted(one["metadata"]["name"] for one in listed if one["metadata"]["namespace"] == wanted.namespace)
    if wanted.name in there:
        return []
    near = difflib.get_close_matches(wanted.name, there, n=_TOLD)
    names = [*near, *(name for name in there if name not in near)]
    spaces = sorted(one["metadata"]["namespace"] for one in listed if one["metadata"]["name"] == wanted.name)
    return [
        f"{wanted.resource} in namespace {wanted.namespace}: {', '.join(names[:_TOLD]) or 'none'}{', …' if len(names) > _TOLD else ''}",
        *([f"there is one of that name in namespace {', '.join(spaces)}"] if spaces else []),
    ]


def find(api: Api, wanted: Wanted, *, ready: bool = False, last: PodPort | None = None) -> PodPort | NotYet:
    """The pod and its port: ready ones first, and with ``ready`` only they; of these the one that it was last.

    Raises:
        UsageError: the object has no such port.
    """
    try:
        target = api.get(f"{wanted.collection}/{quote(wanted.name, safe='')}")
        direct = target.get("kind") == "Pod"
        pods = [target] if direct else _pods(api, wanted, target)
    except ApiError as error:
        if error.status == _NOT_FOUND:
            return NotYet(f"there is no {wanted}")
        return NotYet(str(error))
    running = [pod for pod in pods if pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]]
    good = [pod for pod in running if _is_ready(pod)] or ([] if ready and not direct else running)
    if not good:
        seen = ", ".join(f"{pod['metadata']['name']} is {pod_state(pod)}" for pod in pods)
        return NotYet(seen or f"there are no pods with its labels, {_selector(target)}")
    port = _target_port(wanted, target) if "clusterIP" in target["spec"] else wanted.port
    pod = next((one for one in good if last is not None and one["metadata"]["name"] == last.pod), good[0])
    return PodPort(wanted.namespace, pod["metadata"]["name"], _number(wanted, pod, port), pod["metadata"].get("uid", ""))


def _pods(api: Api, wanted: Wanted, target: dict[str, Any]) -> list[dict[str, Any]]:
    labels = _selector(target)
    if not labels:
        raise UsageError(f"{wanted.who}: {wanted} selects no pods; name a pod")
    return list(api.get(f"/api/v1/namespaces/{quote(wanted.namespace, safe='')}/pods?labelSelector={quote(labels, safe='')}")["items"])


def _selector(target: dict[str, Any]) -> str:
    selector = target["spec"].get("selector") or {}
    return as_text(selector) if target.get("kind") != "Service" else as_text({"matchLabels": selector})


def _target_port(wanted: Wanted, service: dict[str, Any]) -> int | str:
    """A Service's port, on its pods."""
    ports = service["spec"].get("ports") or []
    for port in filter(_is_tcp, ports):
        if wanted.port in {port["port"], port.get("name")}:
            if service["spec"]["clusterIP"] == "None":  # headless: clients reach pods without a translation
                return int(port["port"])
            target: int | str = port.get("targetPort") or port["port"]
            return target
    there = ", ".join(
        f"{port['port']}{'' if _is_tcp(port) else '/' + port['protocol']}{' (' + port['name'] + ')' if port.get('name') else ''}" for port in ports
    )
    raise UsageError(f"{wanted.who}: {wanted} has no port {wanted.port!r}; it has {there or 'none'}")


def _number(wanted: Wanted, pod: dict[str, Any], port: int | str) -> int:
    """A container's port by its name."""
    if isinstance(port, int):
        return port
    sidecars = [one for one in pod["spec"].get("initContainers") or () if one.get("restartPolicy") == "Always"]
    ports = [one for container in (*pod["spec"]["containers"], *sidecars) for one in container.get("ports") or ()]
    names = {one.get("name"): int(one["containerPort"]) for one in filter(_is_tcp, ports)}
    if port not in names:
        there = ", ".join(sorted(filter(None, names))) or "none"
        raise UsageError(f"{wanted.who}: pod {pod['metadata']['name']} in namespace {wanted.namespace} has no port named {port!r}; it has {there}")
    return names[port]


def _is_tcp(port: dict[str, Any]) -> bool:
    """A port-forward is of TCP; UDP and SCTP may have the same number."""
    return bool(port.get("protocol", "TCP") == "TCP")


def _is_ready(pod: dict[str, Any]) -> bool:
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions") or ())


@contextlib.contextmanager
def _listening(address: str, port: int | None) -> Iterator[socket.socket]:
    try:
        listener = socket.create_server((address, port or 0), family=socket.AF_INET6 if ":" in address else socket.AF_INET, backlog=128)
    except (OSError, OverflowError) as error:
        why = "in use; another is taken where none is given" if getattr(error, "errno", None) == errno.EADDRINUSE else str(error)
        raise UsageError(f"port_forward: local_port {port} of {address}: {why}") from error
    with listener:
        yield listener
