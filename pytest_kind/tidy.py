"""The hooks of a run with tests that want a cluster as it was, or whose tests are to be told what they leave; others do not load this."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from pytest_kind import options
from pytest_kind.errors import UsageError
from pytest_kind.pristine.leftovers import Leftovers
from pytest_kind.pristine.restore import Pristine
from pytest_kind.told import told_once

if TYPE_CHECKING:
    from pytest_kind.peer import KindCluster

NAME = "kind-tidy"
_CHECK = "_kind_leftovers"
# Whose fixtures make nothing in a cluster, but for those that apply.
_HARMLESS, _APPLY = ("_pytest.", "pytest_kind."), "pytest_kind.tools"


class LeftBehind(pytest.PytestWarning):
    """A test left something in a cluster outside of its namespace."""


@dataclass(slots=True)
class _Known:
    """A cluster of which it is known what it was."""

    pristine: Pristine
    seconds: float
    leftovers: Leftovers | None
    clean: bool = True
    seen: bool = True  # whether what leftovers knows is what is there


class Tidy:
    """Brings clusters back, and looks after tests."""

    def __init__(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        self._config = config
        self._mode: str = options.resolve(config).leftovers
        self._wanted: set[int] = set()
        self._known: dict[int, _Known] = {}
        for item in items:
            if not isinstance(item, pytest.Function) or "kind_cluster" not in item.fixturenames:
                continue
            if options.is_fresh(item):
                self._has(item, options.FRESH_FIXTURE)
            elif self._mode != "no":
                self._has(item, _CHECK)

    def _has(self, item: pytest.Function, fixture: str) -> None:
        """Has a test use a fixture, before all others that are set up for each test and after those that are not."""
        definitions = item._fixtureinfo.name2fixturedefs  # noqa: SLF001 - there is no public way
        names = [name for name in item.fixturenames if name != fixture]
        scopes = [definitions[name][-1].scope if definitions.get(name) else "" for name in names]
        place = scopes.index("function") if "function" in scopes else len(names)
        item.fixturenames = [*names[:place], fixture, *names[place:]]
        self._wanted.add(id(_parameter(item)))

    # Clusters

    def begin(self, cluster: KindCluster, parameter: object, seconds: float) -> None:
        """Takes down what a cluster is that is handed over, if one of its tests is interested.

        Args:
            parameter: the fixture's, by which tests say which cluster they want.
            seconds: how long it may take to come to rest, then and later.
        """
        if id(parameter) in self._wanted:
            pristine = Pristine(cluster)
            sight = pristine.take(seconds)
            self._known[id(cluster)] = _Known(pristine, seconds, None if self._mode == "no" else Leftovers(sight.listing))

    def end(self, cluster: KindCluster) -> None:
        """Forgets a cluster."""
        known = self._known.pop(id(cluster), None)
        if known is not None:
            known.pristine.close()

    def keep(self, cluster: KindCluster, namespace: str) -> None:
        """Lets a namespace be when the cluster is brought back."""
        if id(cluster) in self._known:
            self._known[id(cluster)].pristine.kept.add(namespace)

    @contextlib.contextmanager
    def fresh(self, cluster: KindCluster, item: pytest.Item) -> Iterator[None]:
        """Brings a cluster back before a test, and again after it: it answers for what it did, and the next one does not pay.

        Raises:
            UsageError: nobody knows what the cluster was.
            WaitTimeout: it could not be brought back.
        """
        known = self._known.get(id(cluster))
        if known is None:
            raise UsageError(f"{options.FRESH_FIXTURE}: must be an argument of the test or of its fixtures: what the cluster was is not known")
        if not known.clean:
            self._restore(known, cluster, item, "setup")
        known.clean = False
        yield
        self._restore(known, cluster, item, "teardown")
        known.clean = True

    def _restore(self, known: _Known, cluster: KindCluster, item: pytest.Item, when: str) -> None:
        done = known.pristine.restore(known.seconds)
        item.add_report_section(
            when, "kind", f"cluster {cluster.name} is as it was: {done.seconds:.1f} s, {len(done.found)} differences, {done.requests} requests"
        )
        if known.leftovers is not None:
            known.leftovers.begin(known.pristine.record.listing)
            known.seen = True

    # Tests

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        """A test that uses clusters may have changed them."""
        if "kind_cluster" in getattr(item, "fixturenames", ()) and not options.is_fresh(item):
            self._touched()

    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> None:
        """So may a fixture of several tests: what it makes is none of theirs."""
        self._fixture(fixturedef)

    def pytest_fixture_post_finalizer(self, fixturedef: pytest.FixtureDef[Any]) -> None:
        """… and so may its end."""
        self._fixture(fixturedef)

    def _fixture(self, fixturedef: pytest.FixtureDef[Any]) -> None:
        home = str(getattr(fixturedef.func, "__module__", ""))
        if fixturedef.scope != "function" and (home == _APPLY or not home.startswith(_HARMLESS)):
            self._touched()
            for known in self._known.values():
                known.seen = False

    def _touched(self) -> None:
        for known in self._known.values():
            known.clean = False

    @pytest.fixture(name=_CHECK)
    def _check(self, kind_cluster: KindCluster, request: pytest.FixtureRequest) -> Iterator[None]:
        known = self._known[id(kind_cluster)]
        assert known.leftovers is not None  # noqa: S101 - that is when tests have this fixture
        with told_once():
            if not known.seen:
                known.leftovers.begin(known.pristine.look().listing)
                known.seen = True
        yield
        with told_once():
            left = known.leftovers.end(known.pristine.look().listing, request.node.nodeid)
        if not left:
            return
        lines = [f"  {one}{'' if who == request.node.nodeid else f' (of {who})'}" for who, one in left]
        message = "\n".join([f"{request.node.nodeid} left behind in cluster {kind_cluster.name}, outside of its namespace:", *lines])
        if self._mode == "fail":
            pytest.fail(message, pytrace=False)
        request.node.warn(LeftBehind(message))


def _parameter(item: pytest.Item) -> object:
    """Which cluster a test wants; nothing where pytest cannot tell its fixtures, as with unittest's."""
    return item.callspec.params.get("kind_cluster") if hasattr(item, "callspec") else None
