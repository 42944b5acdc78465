"""``exec``: a command in a pod."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from pytest_kind.api import exec as api_exec
from pytest_kind.api.resources import Document
from pytest_kind.errors import CommandError, KindError, UsageError, WaitTimeout, reason_first
from pytest_kind.toolbox.objects import members, pods
from pytest_kind.toolbox.objects.connection import Connection
from pytest_kind.toolbox.objects.target import Wanted
from pytest_kind.waiting import Deadline

_PODS = {"pod", "pods", "po"}


@dataclass(frozen=True, slots=True)
class ExecResult:
    """How a command in a pod ended.

    Attributes:
        stdout: what it wrote, as text (UTF-8; what is none is replaced).
        stderr: likewise.
        code: its exit status.
        raw: standard output as it was.
    """

    stdout: str
    stderr: str
    code: int
    raw: bytes


def run(
    connection: Connection, wanted: Wanted, argv: Sequence[str], container: str | None, given: str | bytes | None, timeout: float
) -> tuple[str, ExecResult]:
    """Runs it, and says where.

    Raises:
        UsageError: the pod has no such container; there is no command.
        KindError: the pod does not run, or the command could not be started.
        WaitTimeout: it did not end in time.
    """
    if not argv:
        raise UsageError("exec: there is no command; accepted is exec(POD, PROGRAM, ARGUMENT, …)")
    deadline = Deadline(timeout)
    pod = _one(members.of(connection, wanted), wanted)
    meta = pod["metadata"]
    name = members.container(pod, container, "exec")
    where = f"pod {meta['namespace']}/{meta['name']}, container {name}"
    data = given.encode() if isinstance(given, str) else given
    words = "".join(f"&command={quote(word, safe='')}" for word in argv)
    query = f"container={name}&stdin={'true' if data is not None else 'false'}&stdout=true&stderr=true{words}"
    path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/exec?{query}"
    try:
        ran = api_exec.run(connection.api.server, path, connection.api.context, data, deadline)
    except (api_exec.Refused, api_exec.Broken) as error:
        reason = error.reason if isinstance(error, api_exec.Refused) else str(error)
        raise KindError(reason_first(reason, f"exec: {where}: `{' '.join(argv)}`")) from error
    result = ExecResult(_text(ran.stdout), _text(ran.stderr), ran.code or 0, bytes(ran.stdout))
    if ran.status is None:
        last = (result.stdout + result.stderr).strip().splitlines()[-5:]
        raise WaitTimeout(f"exec: {where}: `{' '.join(argv)}`", timeout, "\n".join(last) or "it wrote nothing")
    if ran.code is None:
        raise KindError(f"exec: {where}: `{' '.join(argv)}` was not run: {ran.status.get('message') or ran.status}")
    return where, result


def checked(where: str, argv: Sequence[str], result: ExecResult) -> ExecResult:
    """The result of a command that was well.

    Raises:
        CommandError: it was not.
    """
    if result.code:
        raise CommandError(where, argv, result.code, result.stdout + result.stderr)
    return result


def _one(there: list[Document], wanted: Wanted) -> Document:
    """Of several pods one that is ready; else one that runs. One that is named, as long as something runs in it."""
    named = bool(wanted.name) and wanted.kind.lower().partition(".")[0] in _PODS
    running = [pod for pod in there if (_has_begun(pod) if named else _phase(pod) == "Running" and not pods.is_going(pod))]
    best = next(filter(pods.is_ready, running), None) or next(iter(running), None)
    if best is None:
        seen = "; ".join(f"pod {pod['metadata']['name']} {trouble.told}" for pod in there for trouble in pods.troubles(pod))
        raise KindError(f"exec: {wanted} has no pod that runs{': ' + seen if seen else ''}")
    return best


def _phase(pod: Document) -> str:
    return str((pod.get("status") or {}).get("phase"))


def _has_begun(pod: Document) -> bool:
    """Whether it runs, or its init containers do: then it is Pending."""
    begun = (pod.get("status") or {}).get("initContainerStatuses") or ()
    return _phase(pod) == "Running" or (_phase(pod) == "Pending" and any("running" in (one.get("state") or {}) for one in begun))


def _text(data: bytearray) -> str:
    return data.decode(errors="replace")
