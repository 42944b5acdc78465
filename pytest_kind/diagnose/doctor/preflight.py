"""The doctor's quick look before a run's first cluster: errors stop it with all of them at once, warnings are kept for the last lines."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_kind.diagnose.doctor.collect.everything import glance
from pytest_kind.diagnose.doctor.finding import Finding, Severity
from pytest_kind.diagnose.doctor.judge import judge
from pytest_kind.errors import EngineError, UnfitMachine

if TYPE_CHECKING:
    from pytest_kind.diagnose.doctor.facts import Wanted
    from pytest_kind.provision.provider import Provider


class Preflight:
    """One look, in a thread with a connection of its own, which begins at once and is waited for where a cluster would be made.

    Args:
        ignore: ids of findings that are not told.
    """

    def __init__(self, connect: Callable[[], Provider], cache: Path, wanted: Wanted, ignore: frozenset[str]) -> None:
        self._connect, self._cache, self._wanted, self._ignore = connect, cache, wanted, ignore
        self._found: list[Finding] = []
        self._thread = threading.Thread(target=self._look, name="pytest-kind-preflight", daemon=True)
        self._thread.start()

    def _look(self) -> None:
        try:
            provider = self._connect()
            try:
                found = judge(glance(provider, self._cache, self._wanted))
                self._found = [one for one in found if one.rule.early and one.id not in self._ignore]
            finally:
                provider.close()
        except EngineError:
            return  # whoever makes the cluster meets the same, and says it

    def verdict(self) -> list[str]:
        """The warnings, a line each.

        Raises:
            UnfitMachine: a cluster would not come up here; all reasons.
        """
        self._thread.join()
        errors = [one.line for one in self._found if one.rule.severity is Severity.ERROR]
        if errors:
            raise UnfitMachine(errors)
        return [one.line for one in self._found if one.rule.severity is Severity.WARNING]
