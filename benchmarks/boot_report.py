"""The boot benchmark's page: ``docs/benchmarks.md`` of the file with its measurements. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from boot_results import PEER, WHATS, Results, figure

_MAIN = ("answer", "handed", "fixture", "memory", "memory-later", "disk-written", "disk-volume", "namespace", "delete", "load-new", "load-there")
_GIBIBYTE = 1024**3
_FIGURES = "Figures are medians (lowest to highest); ratios are of medians of one run and no other."


@dataclass(frozen=True, slots=True)
class Target:
    """What is aimed at, and what was reached.

    Attributes:
        title: in words.
        value: of the medians; nothing where it was not measured.
        limit: what it may be at most.
        unit: of both.
    """

    title: str
    value: float | None
    limit: float
    unit: str = ""

    @property
    def verdict(self) -> str:
        return "not measured" if self.value is None else "met" if self.value <= self.limit else "not met"


def targets(results: Results) -> list[Target]:
    """The figures that are aimed at."""

    def median(what: str, side: str, count: int = 1) -> float | None:
        found = results.summary(what, side, count)
        return None if found is None else found.median

    answers = {side: results.ratio(("answer", side, 1), ("answer", PEER, 1)) for side in ("cold", "copied")}
    failed = results.failed("scale", "copied", 8)
    return [
        Target("cold: to a pod's answer, of kind's time", answers["cold"], 1 / 3),
        Target("the same, aimed at", answers["cold"], 1 / 4),
        Target("copied: to a pod's answer, of kind's time", answers["copied"], 1 / 5),
        Target("kept: handed over by its fixture", median("fixture", "kept"), 0.5, "s"),
        *[Target(f"{side}: memory of one node, a while later", median("memory-later", side), 450, "MB") for side in ("cold", "copied")],
        Target("fresh namespace, ready for pods, in a kept cluster", median("namespace", "kept"), 0.15, "s"),
        *[Target(f"{side}: delete, until the engine lists nothing of it", median("delete", side), 0.5, "s") for side in ("cold", "copied")],
        Target("plugin unused, a run", median("unused", "ours"), 10, "ms"),
        Target("four copies at a time: the last one, of a single one's time", results.ratio(("scale", "copied", 4), ("scale", "copied", 1)), 2.5),
        Target("eight copies at a time: failed rounds", failed if failed or results.values("scale", "copied", 8) else None, 0),
        Target("three nodes copied, of a single node's time", results.ratio(("nodes", "copied", 3), ("nodes", "copied", 1)), 1.5),
    ]


def target_rows(results: Results) -> list[list[str]]:
    """As a table, its head first."""
    head = ["aim", "at most", "median", ""]
    rows = [[one.title, f"{figure(one.limit)} {one.unit}".strip(), _said(one.value, one.unit), one.verdict] for one in targets(results)]
    return [head, *rows]


def main_rows(results: Results) -> list[list[str]]:
    """One cluster: a row for each figure, a column for each side, and how often ours goes into kind's."""
    sides = [side for side in ("cold", "copied", "kept", PEER) if any(side in results.sides(what) for what in _MAIN)]
    ours = [side for side in sides if side != PEER and PEER in sides]
    rows = [["one cluster", "", *sides, *[f"kind / {side}" for side in ours]]]
    for what in _MAIN:
        if any(results.summary(what, side) for side in sides):
            ratios = [results.ratio((what, PEER, 1), (what, side, 1)) for side in ours]
            rows.append([WHATS[what].title, WHATS[what].unit, *[_cell(results, what, side) for side in sides], *[_said(one) for one in ratios]])
    return rows


def counted_rows(results: Results, what: str) -> list[list[str]]:
    """Several clusters, or nodes: a row for each number of them; nothing where none was measured."""
    sides, counts = results.sides(what), results.counts(what)
    ours = [side for side in sides if side != PEER and PEER in sides]
    rows = [[WHATS[what].counted, *sides, *[f"{side}, of a single one's" for side in sides], *[f"kind / {side}" for side in ours]]]
    for count in counts:
        grown = [_said(results.ratio((what, side, count), (what, side, 1))) for side in sides]
        ratios = [_said(results.ratio((what, PEER, count), (what, side, count))) for side in ours]
        rows.append([str(count), *[_cell(results, what, side, count) for side in sides], *grown, *ratios])
    return rows if counts else []


def unused_words(results: Results) -> str:
    """What the plugin costs where nothing asks for it; empty where that was not measured."""
    added, without = results.summary("unused", "ours"), results.summary("unused-without", "ours")
    if added is None or without is None:
        return ""
    return f"A run that does not use the plugin takes {figure(without.median)} ms without it, and {figure(added.median)} ms more with it."


def busy_words(results: Results, count: int = 4) -> str:
    """What several at a time cannot be sooner than, by what a single one uses; empty where that was not measured."""
    one, several = results.summary("scale-busy", "copied", 1), results.summary("scale-busy", "copied", count)
    grown = results.ratio(("scale", "copied", count), ("scale", "copied", 1))
    if one is None or several is None or grown is None:
        return ""
    least = figure(count * one.median / 100)
    return (
        f"A single copy uses {figure(one.median)} % of the processors' time from its start to its answer, {count} at a time use "
        f"{figure(several.median)} %. So {count} of them, each as much work as the single one, take at least {least} times as long, "
        f"in whatever order it is done; they take {figure(grown)} times as long. The less a single one waits, the higher that is."
    )


def page(results: Results, picture: str) -> str:
    """The page.

    Args:
        picture: its path, from the page's folder.
    """
    versions, machine = results.about.get("versions", {}), results.about.get("machine", {})
    said = ", ".join(f"{key} {value}" for key, value in versions.items())
    rounds = results.about.get("rounds", 0)
    others = "".join(f" ({one})" for one in results.about.get("others", []))
    failures = sum(one.value is None for one in results.measurements)
    lines = [
        "# Benchmarks",
        "",
        "Made of measurements (benchmarks/results) by `python benchmarks/boot.py --report FILE …`; not to be edited. `python benchmarks/boot.py",
        "--cache-dir DIR` measures anew, wherever an engine and the real `kind` are.",
        "",
        textwrap.fill(f"Rounds: {rounds}{others}, the sides in turns, another one first in each, on {_machine(machine)}; {said}. {_FIGURES}", 130),
        "",
        f"![the medians, lowest and highest]({picture})",
        "",
        "## What is aimed at",
        "",
        *_markdown(target_rows(results)),
        "",
        "## One cluster of one node",
        "",
        *_markdown(main_rows(results)),
        "",
        *[line for what in ("scale", "nodes") for line in _counted_section(results, what)],
        *([unused_words(results), ""] if unused_words(results) else []),
        *(["## Left out", "", *[f"- {one}" for one in results.left_out], ""] if results.left_out else []),
        *([f"Measurements that failed, and are in no figure: {failures}.", ""] if failures else []),
        "## What is measured",
        "",
        *_meaning(results.about.get("settle", 0)),
    ]
    return "\n".join(lines)


def _counted_section(results: Results, what: str) -> Iterable[str]:
    rows = counted_rows(results, what)
    title = WHATS[what].title[0].upper() + WHATS[what].title[1:]
    words = textwrap.wrap(busy_words(results), 130) if what == "scale" else []
    return [f"## {title}", "", f"In {WHATS[what].unit}.", "", *_markdown(rows), "", *words, *([""] if words else [])] if rows else []


def _meaning(settle: float) -> list[str]:
    return [
        "- **Sides.** `cold`: `pytest` with one test that uses `kind_cluster`, with `--kind-cold`. `copied`: the same without it, a copy of a",
        "  frozen cluster that an earlier run, not counted, has left. `kept`: with `--kind-keep`, attached to a cluster that runs. `kind`: `kind",
        "  create cluster` (no `--wait`), on the same node image, with `disableDefaultCNI` and the CNI configuration (of several nodes the",
        "  routes, too) in place beforehand.",
        "- **To a pod's answer.** From the start of that process. Then the same on all sides: a pod and a Service are posted to the API from",
        "  outside, again while one is refused; then a program on the node asks the cluster's DNS for the Service's name, from a",
        "  pod's network namespace, and the address that it is told for a page, every 20 ms, until it gets the pod's own. Of several nodes each",
        "  has such a pod, and all must answer. The moment is that of the answer, by the clock that containers share with their machine.",
        "- **In hand**: the test begins; `kind create cluster` has ended.",
        f"- **Memory**: what `docker stats` counts, the cgroup's usage without inactive file pages; later: {figure(settle)} s after the answer.",
        "  MB are 10^6 bytes. **Disk**: what the container wrote beside its image, and the blocks of its volume.",
        "- **A fresh namespace**: what `kind_namespace` does, by the same code on both sides, until the default ServiceAccount is there.",
        "- **Delete**: `kind_cluster.delete()`, or the process `kind delete cluster`; until the engine lists neither a container nor a volume.",
        "- **Image load**: an image of 52 MB of random bytes; `load_image` with our handle, or the process `kind load docker-image`. (kind asks",
        "  a node's crictl whether an image is there; our node image has none, so that its second load is a first one again.)",
        "- **Several at a time**: as many processes started at once; each cluster runs until the last one has answered. The processors'",
        "  time is the machine's (`/proc/stat`), from before they start until they have all answered.",
        "",
    ]


def _machine(machine: dict[str, object]) -> str:
    memory = machine.get("memory", 0)
    assert isinstance(memory, int)  # noqa: S101 - the benchmark's own file
    return f"{machine.get('processors', '?')} processors, {memory / _GIBIBYTE:.0f} GiB, Linux {machine.get('kernel', '?')}"


def _cell(results: Results, what: str, side: str, count: int = 1) -> str:
    summary, failed = results.summary(what, side, count), results.failed(what, side, count)
    words = [str(summary)] if summary is not None else []
    return "; ".join([*words, *([f"{failed} failed"] if failed else [])]) or "-"


def _said(value: float | None, unit: str = "") -> str:
    return "-" if value is None else f"{figure(value)} {unit}".strip()


def _markdown(rows: Sequence[Sequence[str]]) -> list[str]:
    if not rows:
        return []
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return [lines[0], "|" + "---|" * len(rows[0]), *lines[1:]]
