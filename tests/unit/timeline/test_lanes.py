"""What was recorded, on one axis."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_kind.timeline.lanes import Pod, Reading, attached, booted, failed, parse, pods_of
from pytest_kind.timeline.model import Lane, Mark, Span, rows
from support.processes import STARTED, listed

PHASES = (("fill", 0.5), ("engine", 1.0), ("API", 3.5))
BEGINS = (20.0, 20.5, 21.5)


def reading(
    node: str = "c-control-plane", *, up: float = 105.0, asked: float = 25.0, took: float = 0.0, spent: float = 0.0, **started: float
) -> Reading:
    return Reading(
        node=node, up=up, wall=1_700_000_000.0 + up, done=up + spent, asked=asked, answered=asked + took, started=started or {"systemd": 101.0}
    )


def at(lane: Lane) -> dict[str, float]:
    return {mark.name: round(mark.at, 3) for mark in lane.marks}


class TestParsing:
    def test_programs_have_their_whole_names_and_others_are_left_out(self) -> None:
        found = parse("n", listed(done=105.5), 1.0, 2.0)
        assert found is not None
        assert (found.node, found.up, found.wall, found.done) == ("n", 105.0, 1_700_000_105.0, 105.5)
        assert (found.asked, found.answered) == (1.0, 2.0)
        assert list(found.started) == [
            "systemd",
            "containerd",
            "kubelet",
            "etcd",
            "kube-apiserver",
            "kube-controller-manager",
            "kube-scheduler",
            "kube-proxy",
            "coredns",
            "local-path-provisioner",
        ]
        assert list(found.started.values()) == list(STARTED.values())

    def test_of_several_processes_the_first_counts_and_the_first_process_is_systemd_whatever_its_name(self) -> None:
        found = parse("n", "9.00 1.5\n1 100 init\n7 500 coredns\n8 400 coredns\n9 450 coredns\n10 300 systemd\n9.01\n", 0, 0)
        assert found is not None
        assert found.started == {"systemd": 1.0, "coredns": 4.0}

    def test_a_name_may_have_spaces(self) -> None:
        found = parse("n", "9.00 1.5\n1 100 systemd\n7 500 (sd-pam) of x\n9.00\n", 0, 0)
        assert found is not None
        assert found.started == {"systemd": 1.0}

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "nonsense",
            "1.0 2.0",
            "1.0 2.0\n1.1",
            "1.0 2.0\n7 100 kubelet\n1.1",
            "1.0\n1 100 systemd\n1.1",
            "1.0 2.0\n1 100 systemd",
            "1.0 2.0\n1 many systemd\n1.1",
            "1.0 2.0\n1\n1.1",
        ],
    )
    def test_what_is_something_else_is_nothing(self, text: str) -> None:
        assert parse("n", text, 0, 0) is None


class TestPods:
    def test_when_they_were_scheduled_and_ready(self) -> None:
        assert pods_of({"items": [pod("a"), pod("b", ready="")]}) == [
            Pod("a", "n", 1_700_000_000.0, 1_700_000_002.0),
            Pod("b", "n", 1_700_000_000.0, None),
        ]

    @pytest.mark.parametrize("listed", [{}, {"items": None}, {"items": [{"metadata": {"name": "a"}, "spec": {}, "status": {}}]}])
    def test_of_none_nothing(self, listed: dict[str, Any]) -> None:
        assert pods_of(listed) == []


def pod(name: str, ready: str = "2023-11-14T22:13:22Z") -> dict[str, Any]:
    conditions = [
        {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2023-11-14T22:13:20Z"},
        {"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": ready or "2023-11-14T22:13:21Z"},
        {"type": "Initialized", "status": "True", "lastTransitionTime": None},
    ]
    return {"metadata": {"name": name}, "spec": {"nodeName": "n"}, "status": {"conditions": conditions}}


class TestBooted:
    def test_the_run_has_its_phases_one_after_the_other(self) -> None:
        boot = booted("c", PHASES, BEGINS, [], [])
        assert (boot.cluster, boot.ended, boot.began, boot.ready) == ("c", "ready after 5.0 s", 20.0, 5.0)
        assert boot.lanes == (Lane("run", (Span("fill", 0.0, 0.5), Span("engine", 0.5, 1.0), Span("API", 1.5, 3.5))),)

    def test_a_nodes_clock_is_known_by_when_it_was_asked(self) -> None:
        # At 25.0 here it is 105.0 there: 101.0 was at 21.0, one second after the boot began.
        (_, lane) = booted("c", PHASES, BEGINS, [reading(systemd=101.0, kubelet=102.5, containerd=101.2)], []).lanes
        assert lane.name == "c-control-plane"
        assert at(lane) == {"systemd": 1.0, "containerd": 1.2, "kubelet": 2.5}
        assert [mark.name for mark in lane.marks] == ["systemd", "containerd", "kubelet"]

    def test_all_nodes_have_one_clock_which_is_known_as_well_as_the_quickest_answer(self) -> None:
        slow, quick = reading("slow", asked=24.0, took=2.0, systemd=101.0), reading("quick", asked=24.98, took=0.04, systemd=101.5)
        (_, first, second) = booted("c", PHASES, BEGINS, [slow, quick], []).lanes
        assert (at(first), at(second)) == ({"systemd": 1.0}, {"systemd": 1.5})

    def test_the_time_that_the_list_took_is_not_in_doubt(self) -> None:
        # Asked at 24.0, and 3 seconds of the answer's 3.5 are the node's: somewhere between 24.0 and 24.5 it was 105.0 there.
        (_, lane) = booted("c", PHASES, BEGINS, [reading(asked=24.0, took=3.5, spent=3.0, systemd=101.5)], []).lanes
        assert at(lane) == {"systemd": 0.75}

    def test_nodes_with_clocks_of_their_own_are_placed_each_for_itself(self) -> None:
        here, elsewhere = reading("a", systemd=101.0), reading("b", up=5.0, systemd=1.2)
        (_, first, second) = booted("c", PHASES, BEGINS, [here, elsewhere], []).lanes
        assert (at(first), at(second)) == ({"systemd": 1.0}, {"systemd": 1.2})

    @pytest.mark.parametrize(("said", "shown"), [(90.0, 0.5), (100.6, 0.6), (103.0, 1.5)])
    def test_no_machine_starts_outside_of_the_phase_that_starts_machines(self, said: float, shown: float) -> None:
        (_, lane) = booted("c", PHASES, BEGINS, [reading(systemd=said, kubelet=said + 2)], []).lanes
        assert at(lane) == {"systemd": shown, "kubelet": shown + 2}

    def test_without_that_phase_it_starts_within_the_boot(self) -> None:
        (_, lane) = booted("c", (("fake", 1.0),), (20.0,), [reading(systemd=200.0)], []).lanes
        assert at(lane) == {"systemd": 1.0}

    def test_a_pod_lasts_from_its_scheduling_until_it_is_ready_within_half_a_second(self) -> None:
        day = 1_700_000_100.0  # 20.0 here
        pods = [
            Pod("pod", "c-control-plane", day + 1, day + 3),
            Pod("late", "c-control-plane", day + 1, None),
            Pod("frozen", "c-control-plane", day - 900, day + 2),
            Pod("after", "c-control-plane", day + 7, day + 9),
            Pod("elsewhere", "other", day + 1, day + 3),
        ]
        (_, lane) = booted("c", PHASES, BEGINS, [reading()], pods).lanes
        assert [(one.name, one.start, one.seconds) for one in lane.spans] == [
            ("pod", pytest.approx(1.5), pytest.approx(2.0)),
            ("late (not ready yet)", pytest.approx(1.5), pytest.approx(3.5)),
            ("after", 5.0, 0.0),
        ]


def test_a_cluster_that_was_there_has_what_this_run_did() -> None:
    boot = attached("c", (("attach", 0.25), ("more", 0.5)), 30.0)
    assert (boot.ended, boot.began, boot.ready) == ("was there", 29.25, None)
    assert boot.lanes == (Lane("run", (Span("attach", 0.0, 0.25), Span("more", 0.25, 0.5))),)


class TestFailed:
    def test_it_begins_with_the_first_machine(self) -> None:
        boot = failed("c", [reading("a", systemd=101.0, kubelet=103.0), reading("b", systemd=102.0)], 25.0)
        assert (boot.ended, boot.began, boot.ready) == ("did not boot", 21.0, None)
        assert boot.lanes == (Lane("a", (), (Mark("systemd", 0.0), Mark("kubelet", 2.0))), Lane("b", (), (Mark("systemd", 1.0),)))

    def test_without_any_there_is_nothing_in_it(self) -> None:
        boot = failed("c", [], 25.0)
        assert (boot.began, boot.lanes, boot.end) == (25.0, (), 0.0)


def test_spans_that_overlap_are_in_different_rows() -> None:
    a, b, c, d = Span("a", 0.0, 1.0), Span("b", 0.5, 1.0), Span("c", 1.0, 1.0), Span("d", 1.2, 0.1)
    assert rows([d, c, b, a]) == [[a, c], [b], [d]]
