"""The trace: what chrome://tracing and Perfetto ask of one."""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pytest_kind.timeline.model import Boot, Lane, Mark, Span
from pytest_kind.timeline.trace import trace

RUN = Lane("run", (Span("fill", 0.0, 0.5), Span("API", 0.5, 2.0)))
NODE = Lane("n", (Span("one", 1.0, 1.0), Span("two", 1.5, 1.0)), (Mark("systemd", 0.25),))
BOOT = Boot(cluster="c", ended="ready after 2.5 s", began=20.0, ready=2.5, lanes=(RUN, NODE))
LATER = Boot(cluster="d", ended="was there", began=30.0, ready=None, lanes=(Lane("run", (Span("attach", 0.0, 0.0),)),))


def events(boots: list[Boot]) -> list[dict[str, Any]]:
    content = json.loads(trace(boots))
    assert content["displayTimeUnit"] == "ms"
    return list(content["traceEvents"])


def names(found: list[dict[str, Any]], what: str) -> dict[Any, str]:
    return {one["pid"] if what == "process_name" else one["tid"]: one["args"]["name"] for one in found if one["name"] == what}


def test_clusters_are_processes_and_lanes_threads() -> None:
    found = events([BOOT, LATER])
    assert names(found, "process_name") == {1: "cluster c: ready after 2.5 s", 2: "cluster d: was there"}
    assert list(names(found, "thread_name").values()) == ["run", "n", "n (2)", "run"]
    places = [one["args"]["sort_index"] for one in found if one["name"] == "thread_sort_index"]
    assert places == sorted(set(places))


def test_times_are_microseconds_since_the_first_boot_began() -> None:
    found = {one["name"]: one for one in events([BOOT, LATER]) if one["ph"] != "M"}
    assert (found["API"]["ts"], found["API"]["dur"]) == (500_000, 2_000_000)
    assert (found["systemd"]["ts"], found["systemd"]["s"]) == (250_000, "t")
    assert (found["attach"]["ts"], found["attach"]["dur"]) == (10_000_000, 0)


times = st.floats(-1, 20, allow_nan=False)
spans = st.lists(st.builds(Span, st.text(), times, st.floats(0, 20)), max_size=8).map(tuple)
marks = st.lists(st.builds(Mark, st.text(), times), max_size=8).map(tuple)
boots = st.builds(
    Boot,
    cluster=st.text(),
    ended=st.text(),
    began=st.floats(0, 1e6),
    ready=st.none(),
    lanes=st.lists(st.builds(Lane, st.text(), spans, marks), max_size=4).map(tuple),
)


@given(st.lists(boots, max_size=4))
def test_every_event_has_what_it_must_have_and_time_never_runs_backwards(some: list[Boot]) -> None:
    found = events(some)
    assert [one["ts"] for one in found] == sorted(one["ts"] for one in found)
    threads: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for one in found:
        assert {"name", "ph", "ts", "pid", "tid"} <= one.keys()
        assert isinstance(one["ts"], int)
        assert one["ts"] >= 0
        assert one["ph"] in {"M", "X", "i"}
        if one["ph"] == "X":
            assert one["dur"] >= 0
            threads[one["pid"], one["tid"]].append((one["ts"], one["ts"] + one["dur"]))
    named = {(one["pid"], one["tid"]) for one in found if one["name"] == "thread_name" and one["ph"] == "M"}
    assert {(one["pid"], one["tid"]) for one in found if one["ph"] != "M"} <= named
    assert len({tid for _, tid in named}) == len(named)
    for slices in threads.values():  # which Perfetto wants apart, or one within the other
        assert all(before[1] <= after[0] + 1 for before, after in pairwise(slices))


def test_an_empty_one_is_valid() -> None:
    assert events([]) == []
