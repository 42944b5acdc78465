"""The boot benchmark's pure parts: figures, table, picture, page; and what its parts do with sides that are none."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

import boot
import boot_answer
import boot_engine
import boot_parts
from boot_bench import Bench, Cluster, Side, last_words, node_names
from boot_parts import Parts, used
from boot_peer import Peer
from boot_plot import panels, svg
from boot_report import busy_words, counted_rows, main_rows, page, target_rows, targets
from boot_results import Measurement, Results, Summary, aligned, figure, joined

GIBIBYTE = 1024**3
ABOUT = {
    "versions": {"pytest-kind-native": "0.1.0", "kind": "0.33.0"},
    "machine": {"processors": 2, "memory": 24 * GIBIBYTE, "kernel": "6.18"},
    "rounds": 3,
    "settle": 10.0,
}


def results(**medians: float | None) -> Results:
    """Of measurements named ``what_side`` or ``what_side_count``: three of each, around the value."""
    found = Results(about=dict(ABOUT))
    for name, value in medians.items():
        what, side, *several = name.replace("memory_later", "memory-later").replace("scale_busy", "scale-busy").split("_")
        number = int(several[0]) if several else 1
        values = [None] if value is None else [value, value * 0.9, value * 1.2]
        found.measurements += [Measurement(what, side, at, one, number) for at, one in enumerate(values)]
    return found


def test_a_summary_has_the_middle_and_the_ends() -> None:
    assert Summary.of([3.0, 1.0, 2.0, 10.0]) == Summary(4, 2.5, 1.0, 10.0)
    assert str(Summary.of([3.0, 1.0, 20.0])) == "3.00 (1.00 to 20.0)"
    assert str(Summary.of([3.0])) == "3.00"


@pytest.mark.parametrize(("value", "text"), [(0.01234, "0.012"), (4.567, "4.57"), (26.53, "26.5"), (454.4, "454"), (-1168, "-1168"), (0, "0")])
def test_a_figure_has_the_digits_that_mean_something(value: float, text: str) -> None:
    assert figure(value) == text


def test_failures_are_in_no_figure_and_are_counted() -> None:
    found = results(answer_cold=8.0, answer_kind=None)
    assert (found.failed("answer", "kind"), found.failed("answer", "cold")) == (1, 0)
    assert found.summary("answer", "kind") is None
    assert found.ratio(("answer", "cold", 1), ("answer", "kind", 1)) is None


def test_results_come_back_from_their_file() -> None:
    found = results(answer_cold=8.0, scale_kind_2=None)
    found.measurements.append(Measurement("answer", "copied", 0, 4.0, detail={"API": 2.5}))
    found.left_out.append("8 clusters: “no” memory")
    text = found.to_json()
    assert Results.from_json(text) == found
    assert sum(line.startswith('  {"what"') for line in text.splitlines()) == len(found.measurements)


@pytest.mark.parametrize("text", ["[]", "{}", '{"format": 2}'])
def test_another_file_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no file of this benchmark"):
        Results.from_json(text)


def test_a_table_is_of_one_run() -> None:
    first, other = results(answer_cold=8.0), results(answer_cold=9.0, scale_copied_4=17.0)
    first.about["rounds"], other.about["rounds"] = 10, 2
    found = joined(first, other)
    assert found.values("answer", "cold") == first.values("answer", "cold")
    assert found.values("scale", "copied", 4) == other.values("scale", "copied", 4)
    assert "Rounds: 10 (scale: 2, in another run), the sides in turns" in " ".join(page(found, "x.svg").split())
    assert joined(first) == first


def test_a_table_is_aligned() -> None:
    assert aligned([["a", "median"], ["longer", "1.0"]]).splitlines() == ["a       median", "------  ------", "longer     1.0"]


def test_the_table_of_one_cluster_has_ratios_to_kind_where_both_were_measured() -> None:
    head, *rows = main_rows(results(answer_cold=8.0, answer_copied=4.0, answer_kind=24.0, delete_cold=0.4))
    assert head == ["one cluster", "", "cold", "copied", "kind", "kind / cold", "kind / copied"]
    assert rows[0][2:] == ["8.00 (7.20 to 9.60)", "4.00 (3.60 to 4.80)", "24.0 (21.6 to 28.8)", "3.00", "6.00"]
    assert rows[1][2:] == ["0.400 (0.360 to 0.480)", "-", "-", "-", "-"]


def test_the_table_of_several_compares_with_one_and_with_kind() -> None:
    head, *rows = counted_rows(results(scale_copied=4.0, scale_copied_4=8.0, scale_kind=20.0, scale_kind_4=None), "scale")
    assert head == ["clusters", "copied", "kind", "copied, of a single one's", "kind, of a single one's", "kind / copied"]
    assert rows == [["1", *rows[0][1:3], "1.00", "1.00", "5.00"], ["4", "8.00 (7.20 to 9.60)", "1 failed", "2.00", "-", "-"]]
    assert counted_rows(results(), "scale") == []


def test_several_are_no_sooner_than_the_processors() -> None:
    found = results(scale_copied=4.0, scale_copied_4=14.0, scale_busy_copied=80.0, scale_busy_copied_4=99.0)
    words = "uses 80.0 % of the processors' time from its start to its answer, 4 at a time use 99.0 %"
    assert words in busy_words(found)
    assert "at least 3.20 times as long" in busy_words(found)
    assert "they take 3.50 times as long" in busy_words(found)
    assert words in " ".join(page(found, "x.svg").split())
    assert busy_words(results(scale_copied=4.0, scale_copied_4=14.0)) == ""


def test_verdicts() -> None:
    found = results(answer_cold=7.0, answer_copied=5.0, answer_kind=24.0, fixture_kept=0.4, memory_later_cold=460.0, scale_copied_8=None)
    verdicts = {one.title: one.verdict for one in targets(found)}
    assert verdicts["cold: to a pod's answer, of kind's time"] == "met"
    assert verdicts["the same, aimed at"] == "not met"
    assert verdicts["copied: to a pod's answer, of kind's time"] == "not met"
    assert verdicts["kept: handed over by its fixture"] == "met"
    assert verdicts["cold: memory of one node, a while later"] == "not met"
    assert verdicts["eight copies at a time: failed rounds"] == "not met"
    assert verdicts["three nodes copied, of a single node's time"] == "not measured"
    assert len(target_rows(found)) == len(verdicts) + 1


def test_the_picture_is_well_formed_and_has_a_bar_for_each_summary() -> None:
    found = results(answer_cold=8.0, answer_kind=24.0, scale_copied=4.0, scale_copied_2=6.0, delete_kind=None)
    assert [panel.title.split(",")[0] for panel in panels(found)] == [
        "from process start to a pod's answer by DNS name",
        "several at a time: until the last one answers",
    ]
    root = ET.fromstring(svg(panels(found)))  # noqa: S314 - ours
    space = "{http://www.w3.org/2000/svg}"
    bars = root.findall(f"{space}rect")
    assert len(bars) == len(root.findall(f"{space}path")) == 4
    assert [bar.get("class") for bar in bars] == ["ours", "peer", "ours", "ours"]
    lengths = [float(bar.get("width", "")) for bar in bars]
    assert lengths[1] == pytest.approx(3 * lengths[0], abs=0.2)
    assert max(lengths) < float(root.get("width", ""))
    ET.fromstring(svg([]))  # noqa: S314


def test_the_page_has_everything_and_names_no_place() -> None:
    found = results(answer_cold=8.0, answer_kind=24.0, nodes_copied_3=6.0, unused_ours=4.0)
    found.measurements.append(Measurement("unused-without", "ours", 0, 300.0))
    found.left_out.append("10 nodes: too little memory")
    text = page(found, "benchmarks.svg")
    for part in (
        "2 processors, 24 GiB, Linux 6.18",
        "kind 0.33.0",
        "| 0.333 | 0.333 | met |",
        "## Until a pod on every node answers",
        "4.00 ms more",
    ):
        assert part in " ".join(text.split())
    assert "- 10 nodes: too little memory" in text
    assert str(Path.home()) not in text
    assert max(len(line) for line in text.splitlines() if not line.startswith("|")) <= 160
    page(Results(about=dict(ABOUT)), "benchmarks.svg")  # of nothing, too


def test_sides_and_parts_are_chosen_apart() -> None:
    assert boot.chosen("") == (["cold", "copied", "kept", "kind"], ["boot", "images", "unused", "scale", "nodes"])
    assert boot.chosen("kind,cold") == (["cold", "kind"], ["boot", "images", "unused", "scale", "nodes"])
    assert boot.chosen("scale,copied") == (["copied"], ["scale"])
    with pytest.raises(ValueError, match="minikube: accepted are"):
        boot.chosen("cold,minikube")


def test_one_is_always_measured_beside_several() -> None:
    assert boot.numbers("4,2") == [1, 2, 4]
    assert boot.numbers("") == [1]


def test_another_side_is_first_in_each_round() -> None:
    found = list(boot_parts.turns(["a", "b", "c"], 4))
    assert [side for number, _, side in found if number == 1] == ["b", "c", "a"]
    assert [side for _, _, side in found[::3]] == ["a", "b", "c", "a"]
    assert list(boot_parts.turns(["a", "b"], 1, [1, 2])) == [(0, 1, "a"), (0, 1, "b"), (0, 2, "a"), (0, 2, "b")]
    assert list(boot_parts.turns([], 2)) == []


@pytest.mark.parametrize(("text", "size"), [("427.1MiB ", 427.1 * 1024**2), ("1.2GiB", 1.2 * GIBIBYTE), ("12B", 12), (" 3MB", 3e6)])
def test_sizes_are_read_as_the_engine_writes_them(text: str, size: float) -> None:
    assert boot_engine.in_bytes(text) == pytest.approx(size)


def test_a_word_that_is_no_size_is_refused() -> None:
    with pytest.raises(ValueError, match="'--' is no size"):
        boot_engine.in_bytes("--")


def test_free_memory_is_the_kernels_word() -> None:
    assert boot_parts.available("MemTotal: 24 kB\nMemAvailable:   1024 kB\n") == 1024**2
    assert boot_parts.needs(8, 1) > boot_parts.needs(1, 3) > boot_parts.needs(1, 1)


def test_a_single_pod_is_left_to_the_scheduler_and_each_of_several_nodes_has_one() -> None:
    ((_, pod), _service) = boot_answer.objects("web", ["one"])
    assert "nodeSelector" not in pod["spec"]
    items = [document for _, document in boot_answer.objects("web", node_names("c", 3))]
    assert [one["metadata"]["name"] for one in items] == ["web", "web", "web2", "web2", "web3", "web3"]
    assert [one["spec"]["nodeSelector"]["kubernetes.io/hostname"] for one in items[::2]] == ["c-control-plane", "c-worker", "c-worker2"]


def test_kinds_configuration_has_its_network_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bench: Bench) -> None:
    monkeypatch.setattr("boot_peer.docker", lambda *_: "")
    config = Peer(bench, "kind", 2).configuration(tmp_path, 2)
    assert config["networking"] == {"disableDefaultCNI": True}
    assert "kubeadmConfigPatches" not in config
    assert "kubeadmConfigPatches" in Peer(bench, "kind", 1).configuration(tmp_path, 1)
    subnets = []
    for node in config["nodes"]:
        (mount,) = node["extraMounts"]
        assert mount["containerPath"] == "/etc/cni/net.d/10-kind.conflist"
        network = json.loads(Path(mount["hostPath"]).read_text(encoding="utf-8"))
        subnets.append(network["plugins"][0]["ipam"]["ranges"][0][0]["subnet"])
    assert subnets == ["10.244.0.0/24", "10.244.1.0/24"]


def test_of_what_a_process_said_errors_are_shown_else_the_end(tmp_path: Path) -> None:
    (tmp_path / "output").write_text("one\n" * 30 + "ERROR: failed to create cluster\n\tsome.go:1\n", encoding="utf-8")
    assert last_words(tmp_path) == "ERROR: failed to create cluster"
    (tmp_path / "output").write_text("\n".join(map(str, range(30))), encoding="utf-8")
    assert last_words(tmp_path).splitlines() == [str(number) for number in range(15, 30)]


@pytest.fixture
def bench() -> Iterator[Bench]:
    """Without anything on it."""
    made = Bench(0)
    yield made
    made.close()


class Pretended:
    """A side whose clusters answer after as many seconds as they have nodes, but for those that fail."""

    def __init__(self, name: str, log: list[str], fails: Callable[[int], bool] = lambda _: False) -> None:
        self.name, self._log, self._fails = name, log, fails

    def boot(self, nodes: int = 1) -> Cluster:
        self._log.append(f"{self.name} {nodes}")
        if self._fails(nodes):
            raise boot_engine.BenchmarkError("no")
        return Cluster(
            name="c",
            started=0,
            handed=1,
            answered=nodes,
            fixture=None,
            phases={},
            nodes=node_names("c", nodes),
            kubeconfig=Path(),
            end=lambda: self._log.append("end"),
        )


def stat(busy: int, idle: int) -> str:
    """``/proc/stat`` of a machine: so many ticks of each; some that the host took aside."""
    return f"cpu  {busy} 0 0 {idle} 0 0 0 77 0 0\ncpu0 1 2 3 4\n"


def test_what_was_used_is_of_what_was_there() -> None:
    assert used(stat(100, 900), stat(180, 920)) == 80
    assert used("cpu  1 2 3 10 5 6 7 0 0 0", "cpu  2 3 4 12 8 7 8 9 0 0") == 50
    assert used(stat(1, 1), stat(1, 1)) == 0


def parts(bench: Bench, *sides: Side, free: int = 24 * GIBIBYTE) -> tuple[Parts, list[str]]:
    """Parts with these sides, and what they say."""
    said: list[str] = []
    ticks = count(step=100)

    def clock() -> str:
        now = next(ticks)
        return stat(3 * now, now)

    return Parts(bench, {side.name: side for side in sides}, Results(), 2, lambda: free, clock, said.append), said


def test_nodes_of_all_sides_are_measured_in_turns_and_a_failure_costs_itself_alone(bench: Bench) -> None:
    log: list[str] = []
    runner, said = parts(bench, Pretended("copied", log), Pretended("kind", log, lambda nodes: nodes == 3))
    runner.nodes([1, 3])
    rounds = (["copied", "kind"], ["kind", "copied"])
    assert [one for one in log if one != "end"] == [f"{side} {count}" for sides in rounds for count in (1, 3) for side in sides]
    assert log.count("end") == 6
    assert runner.results.values("nodes", "copied", 3) == [3, 3]
    assert runner.results.failed("nodes", "kind", 3) == 2
    assert "round  1  kind    nodes failed: no" in said
    assert "round  1  copied  nodes 3: nodes 3.00 s" in said


def test_all_of_a_time_are_ended_after_the_last_one_answered(bench: Bench) -> None:
    log: list[str] = []
    runner, said = parts(bench, Pretended("copied", log))
    runner.scale([1, 2])
    assert log == 2 * ["copied 1", "end", "copied 1", "copied 1", "end", "end"]
    assert len(runner.results.values("scale-each", "copied", 2)) == 4
    assert len(runner.results.values("scale", "copied", 2)) == 2
    assert runner.results.values("scale-busy", "copied", 2) == [75, 75]
    assert len(said) == 4


def test_what_memory_does_not_carry_is_left_out_and_said(bench: Bench) -> None:
    log: list[str] = []
    runner, said = parts(bench, Pretended("copied", log), free=4 * GIBIBYTE)
    runner.scale([1, 8])
    assert set(log) == {"copied 1", "end"}
    assert runner.results.left_out == ["8 clusters: 7.1 GiB of memory may be needed and 4.0 were free"]
    assert any("left out: 8 clusters" in line for line in said)
