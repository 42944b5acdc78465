"""Pods whose image cannot be pulled, seen as it happens: upstream's specs wait five minutes for them.

Not all of them: some deploy a driver and look at something else, and pass. So they have a while to end by themselves.

The list of all pods is asked for every two seconds, from the API server's own memory. That costs less than following every
change of a busy suite's pods, and an API server that was away is just asked again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_kind.api.http import Api, ApiError
from pytest_kind.api.kubeconfig import Credentials
from pytest_kind.e2e.images.names import wanted
from pytest_kind.toolbox.images.names import full_name

# How the kubelet says it (pkg/kubelet/images/types.go). InvalidImageName is a spec's own doing.
_REASONS = frozenset({"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull"})
_STATUSES = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
_SPECS = ("initContainers", "containers", "ephemeralContainers")
_PODS = "/api/v1/pods?resourceVersion=0"
_RUN = "e2e-run"  # test/e2e/framework/util.go, CreateTestingNS


@dataclass(frozen=True, slots=True, kw_only=True)
class PullFailure:
    """An image that a node could not get.

    Attributes:
        image: as the suite lists it, in full.
        reason: the kubelet's word: ``ErrImagePull``, ``ImagePullBackOff`` or ``ErrImageNeverPull``.
        message: the kubelet's sentence.
        run: the run id of the ``e2e.test`` process whose namespace it is (the label ``e2e-run``); empty where it has none.
    """

    namespace: str
    pod: str
    image: str
    reason: str
    message: str
    run: str


class PullWatch:
    """A thread that reports each image that a pod of a namespace has not got for a while, once."""

    def __init__(
        self,
        credentials: Credentials,
        scratch: Path,
        images: Iterable[str],
        on_failure: Callable[[PullFailure], None],
        *,
        patience: float = 60.0,
        every: float = 2.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Starts it.

        Args:
            credentials: the administrator's.
            scratch: a private folder.
            images: the suite's list. Images that are not in it, and those whose pull specs expect to fail, are nobody's business.
            on_failure: called in the thread. What it raises ends the watch, and is raised by :meth:`stop`.
            patience: seconds for which an image is lacking before it is reported. Specs that do without were seen to take 17 and 38.
            every: seconds between two looks.
            clock: in seconds.
        """
        self._images = frozenset(wanted(images))
        self._on_failure, self._patience, self._every, self._clock = on_failure, patience, every, clock
        self._stop = threading.Event()
        self._reported: set[tuple[str, str]] = set()
        self._since: dict[tuple[str, str], float] = {}
        self._error: BaseException | None = None
        self.last_failure: str | None = None
        """Why the API did not answer the last time; nothing when it did."""
        self._api = Api(credentials, scratch)
        self._thread = threading.Thread(target=self._run, name="pytest-kind-pulls", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends it. Does nothing the second time.

        Raises:
            BaseException: what ended it before.
        """
        self._stop.set()
        self._thread.join()
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _run(self) -> None:
        with closing(self._api):
            try:
                while not self._stop.wait(self._every):
                    self._look()
            except BaseException as error:  # noqa: BLE001 - a thread's own errors go to whoever stops it
                self._error = error

    def _look(self) -> None:
        try:
            for pod in self._api.get(_PODS)["items"]:
                for failure in self._new(pod):
                    self._on_failure(failure)
        except ApiError as error:
            self.last_failure = str(error)  # it may be starting again; the next look finds what is there then
        else:
            self.last_failure = None

    def _new(self, pod: Mapping[str, Any]) -> Iterator[PullFailure]:
        namespace = pod["metadata"]["namespace"]
        for image, reason, message in pull_failures(pod):
            if image not in self._images or (namespace, image) in self._reported:
                continue
            now = self._clock()
            if now >= self._since.setdefault((namespace, image), now) + self._patience:
                run = self._run_of(namespace)
                self._reported.add((namespace, image))
                yield PullFailure(namespace=namespace, pod=pod["metadata"]["name"], image=image, reason=reason, message=message, run=run)

    def _run_of(self, namespace: str) -> str:
        try:
            labels = self._api.get(f"/api/v1/namespaces/{namespace}")["metadata"].get("labels", {})
        except ApiError as error:
            if error.status != 404:  # noqa: PLR2004 - HTTP's
                raise
            return ""  # it went since the pods were listed
        return str(labels.get(_RUN, ""))


def pull_failures(pod: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Images that a pod waits for in vain: the image in full as its spec has it, the kubelet's reason and its message."""
    for statuses, specs in zip(_STATUSES, _SPECS, strict=True):
        images = {container["name"]: container["image"] for container in pod["spec"].get(specs, ())}
        for status in pod.get("status", {}).get(statuses, ()):
            waiting = status.get("state", {}).get("waiting", {})
            if waiting.get("reason") in _REASONS:
                yield full_name(images.get(status["name"], status["image"])), waiting["reason"], waiting.get("message", "")
