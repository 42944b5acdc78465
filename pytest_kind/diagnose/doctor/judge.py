"""All checks, and what they say of facts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pytest_kind.diagnose.doctor.checks import engines, holdings, kernels, limits, networks, places, reaching, room
from pytest_kind.diagnose.doctor.facts import Facts
from pytest_kind.diagnose.doctor.finding import Finding, Rule, Severity

Check = Callable[[Facts], Iterator[Finding]]

_CHECKS: tuple[Check, ...] = (
    reaching.reaching,
    engines.engines,
    kernels.kernels,
    limits.limits,
    room.room,
    networks.networks,
    places.places,
    holdings.holdings,
)
RULES: tuple[Rule, ...] = (
    *reaching.RULES,
    *engines.RULES,
    *kernels.RULES,
    *limits.RULES,
    *room.RULES,
    *networks.RULES,
    *places.RULES,
    *holdings.RULES,
)
"""In the order of the checks, which is that of ``docs/doctor.md``."""

EARLY: tuple[str, ...] = tuple(rule.id for rule in RULES if rule.early)
"""The ids of what is judged before a run's first cluster."""

_ORDER = tuple(Severity)


def judge(facts: Facts) -> list[Finding]:
    """Everything that is wrong, the worst first."""
    found = [finding for check in _CHECKS for finding in check(facts)]
    return sorted(found, key=lambda finding: _ORDER.index(finding.rule.severity))
