"""What a boot need not wait for: DNS' first answer, awaited beside the first test.

The nodes hold back the networks of pods that are not the cluster's own until then (``boot/node/ipam``), so that no pod of a test starts
before its names are answered, and nobody waits for that who has no pods.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_kind import labels
from pytest_kind.boot.ready import Dns
from pytest_kind.diagnose.evidence import boot_evidence
from pytest_kind.errors import BootError, KindError, is_machines
from pytest_kind.waiting import NotYet, wait_for

if TYPE_CHECKING:
    from pytest_kind.boot.context import BootContext
    from pytest_kind.provision.provider import Provider


_POLL_SECONDS = 0.5


class Answering:
    """A thread that waits for DNS' first answer on every node.

    Attributes:
        failure: why there was none, once that is known; with the evidence, as a boot that failed.

    Args:
        connect: it has a connection of its own.
        context: of the boot; its deadline goes on.
        failed: told of one that never answered, the cluster's name and the evidence, while its machines are there.
        spoilt: told when that cluster has gone: what it was a copy of is no good.
    """

    def __init__(
        self,
        connect: Callable[[], Provider],
        context: BootContext,
        failed: Callable[[str, str], object],
        spoilt: Callable[[], object],
    ) -> None:
        self.failure: BootError | None = None
        self._connect, self._context, self._failed, self._spoilt = connect, context, failed, spoilt
        self._forgotten = False
        self._thread = threading.Thread(target=self._run, name="pytest-kind-dns", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Returns when DNS has answered.

        Raises:
            BootError: it did not.
        """
        self._thread.join()
        if self.failure is not None:
            raise self.failure

    def forget(self) -> None:
        """Nobody wants to know any more: the cluster goes. What is known by now is told."""
        self._forgotten = True
        if self.failure is not None:
            self._failed(self.failure.cluster, self.failure.evidence)

    def ended(self) -> None:
        """The cluster has gone.

        Raises:
            BootError: it had been known that its DNS never answered.
        """
        if self.failure is not None:
            if not is_machines(self.failure.__cause__ or self.failure):  # then the frozen one is as good as ever
                self._spoilt()
            raise self.failure

    def _run(self) -> None:
        try:
            provider = self._connect()
        except KindError as error:
            self._fail(error, "")
            return
        with closing(provider):
            try:
                wait_for("the first answer of DNS", lambda: self._probe(provider), self._context.deadline, every=_POLL_SECONDS)
            except KindError as error:
                self._fail(error, boot_evidence(provider, self._context.facts.cluster, error, self._context.fresh))

    def _fail(self, error: KindError, evidence: str) -> None:
        failure = BootError(self._context.facts.cluster, Dns.name, error, evidence)
        failure.__cause__ = error
        self.failure = failure

    def _probe(self, provider: Provider) -> NotYet | bool:
        try:
            Dns()(replace(self._context, provider=provider))
        except KindError as error:
            return self._is_of_no_use(provider) or NotYet(str(error))
        return True

    def _is_of_no_use(self, provider: Provider) -> bool:
        """Whether the cluster goes, or a test has stopped a node: who starts it waits for DNS again."""
        running = {one.id for one in provider.containers({labels.CLUSTER: self._context.facts.cluster}) if one.running}
        return self._forgotten or not running.issuperset(one.container for one in self._context.fresh)
