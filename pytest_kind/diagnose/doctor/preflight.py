"""The doctor's quick look before a run's first cluster: errors stop it with all of them at once, warnings are handed back."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_kind.diagnose.doctor.collect.everything import glance
from pytest_kind.diagnose.doctor.finding import Finding, Severity
from pytest_kind.diagnose.doctor.judge import judge
from pytest_kind.errors import EngineError, UnfitMachine

if TYPE_CHECKING:
    from pytest_kind.diagnose.doctor.facts import Wanted
    from pytest_kind.provision.provider import Provider


_WITHOUT = "no-"


def ignored(words: str) -> frozenset[str] | None:
    """The findings that ``--kind-preflight`` leaves out; None where it leaves out the whole look."""
    if words == "off":
        return None
    return frozenset(word.removeprefix(_WITHOUT) for word in words.split(",") if word.startswith(_WITHOUT))


class Preflight:
    """One look, in a thread with a connection of its own, which begins at once and is waited for where a cluster would be made.

    Args:
        ignore: ids of findings that are not told.
        option: what leaves a finding out.
    """

    def __init__(
        self, connect: Callable[[], Provider], cache: Path, wanted: Wanted, ignore: frozenset[str], option: str = "--kind-preflight"
    ) -> None:
        self._connect, self._cache, self._wanted, self._ignore, self._option = connect, cache, wanted, ignore, option
        thread = ThreadPoolExecutor(1, thread_name_prefix="pytest-kind-preflight")
        self._found = thread.submit(self._look)
        thread.shutdown(wait=False)

    def _look(self) -> list[Finding]:
        with closing(self._connect()) as provider:
            found = judge(glance(provider, self._cache, self._wanted))
        return [one for one in found if one.rule.early and one.id not in self._ignore]

    def verdict(self) -> list[str]:
        """The warnings, a line each.

        Raises:
            UnfitMachine: a cluster would not come up here; all reasons.
        """
        try:
            found = self._found.result()
        except EngineError:
            return []  # whoever makes the cluster meets the same, and says it
        errors = [one.line for one in found if one.rule.severity is Severity.ERROR]
        if errors:
            raise UnfitMachine(errors, self._option)
        return [one.line for one in found if one.rule.severity is Severity.WARNING]
