"""Events as the API has them, and which of many are shown."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_kind.html_report.events import chosen, event_of
from pytest_kind.html_report.model import Event, Phase, Turn

CORE = {
    "metadata": {"uid": "u", "creationTimestamp": "2026-11-28T15:00:00Z"},
    "involvedObject": {"kind": "Pod", "namespace": "web", "name": "one"},
    "type": "Warning",
    "reason": "BackOff",
    "message": "again",
    "count": 4,
    "source": {"component": "kubelet"},
    "lastTimestamp": "2026-11-28T15:00:09Z",
    "eventTime": None,
}


def test_one_of_a_core_component() -> None:
    found = event_of("c", CORE, 12.5)
    assert found == Event(
        at=12.5, cluster="c", type="Warning", reason="BackOff", regarding="Pod web/one", namespace="web", message="again", count=4, source="kubelet"
    )


def test_one_of_the_newer_kind_about_something_without_a_namespace() -> None:
    document: dict[str, Any] = {
        "metadata": {"creationTimestamp": "2026-11-28T15:00:00Z"},
        "involvedObject": {"kind": "Node", "name": "one"},
        "reportingComponent": "node-controller",
        "series": {"count": 7, "lastObservedTime": "2026-11-28T15:00:05.250000Z"},
        "eventTime": "2026-11-28T15:00:01.000000Z",
    }
    found = event_of("c", document, None)
    assert (found.regarding, found.namespace, found.source, found.count, found.type) == ("Node one", "", "node-controller", 7, "Normal")
    assert found.at == event_of("c", CORE, None).at - 3.75


@pytest.mark.parametrize("left", ["lastTimestamp", "eventTime"])
def test_what_it_says_of_its_time_itself(left: str) -> None:
    document = {**CORE, "lastTimestamp": None, "eventTime": None, left: "2026-11-28T15:00:01Z"}
    assert event_of("c", document, None).at - event_of("c", {**CORE, "lastTimestamp": None}, None).at == 1


@pytest.mark.parametrize("document", [{}, {"involvedObject": None}, {"involvedObject": {}, "metadata": {}}])
def test_what_is_no_event(document: dict[str, Any]) -> None:
    with pytest.raises((LookupError, TypeError, ValueError, AttributeError)):
        event_of("c", document, None)


def event(at: float, kind: str = "Normal", cluster: str = "c") -> Event:
    return Event(at=at, cluster=cluster, type=kind, reason="r", regarding="Pod a/b", namespace="a", message="m", count=1, source="s")


def tried(outcome: str, start: float, seconds: float, cluster: str = "c") -> Turn:
    return Turn(id=f"{outcome}-{start}", outcome=outcome, phases=(Phase("call", start, seconds),), cluster=cluster)


def test_few_are_all_shown_in_the_order_of_their_times() -> None:
    assert [one.at for one in chosen([event(3), event(1), event(2)], [], 3)] == [1, 2, 3]


def test_of_many_those_of_failed_tests_come_first_then_warnings_then_the_latest() -> None:
    events = [event(float(at)) for at in range(100)] + [event(50.5, "Warning"), event(10.5, cluster="other")]
    tests = [tried("failed", 10, 2), tried("passed", 20, 5), tried("error", 0, 0.5, cluster="*"), tried("failed", 30, 60, cluster="")]
    found = chosen(events, tests, 7)
    assert [(one.at, one.cluster) for one in found] == [(0, "c"), (10, "c"), (11, "c"), (12, "c"), (50.5, "c"), (98, "c"), (99, "c")]


def test_a_long_test_that_began_earlier_counts_beside_short_ones() -> None:
    tests = [tried("failed", 0, 100), *(tried("failed", float(at), 0.1) for at in range(1, 50))]
    assert [one.at for one in chosen([event(60.5), event(120), event(130)], tests, 2)] == [60.5, 130]
