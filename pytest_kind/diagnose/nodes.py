"""What is wrong with the machines of a cluster, and what they said. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from pytest_kind.diagnose.scene import Document, Line, MachineSeen, Scene

RUNNING, GONE, UNKNOWN = "running", "gone", "not known"
AUDIT = "audit"
# What a condition should be; one that is not among them is nobody's fault here.
_GOOD = {"Ready": "True", "MemoryPressure": "False", "DiskPressure": "False", "PIDPressure": "False", "NetworkUnavailable": "False"}
_LINE = re.compile(r"(?P<at>\d+\.\d+) (?P<unit>[\w@.-]+)(?:\[\d+\])?: (?P<text>.*)")
# What says again when it was: klog's head, logfmt's time.
_HEAD = re.compile(r'^(?P<level>[WEF])\d{4} [\d:.]+ +\d+ |^time="[^"]*" ')


def parse(output: str) -> tuple[datetime | None, tuple[Line, ...], tuple[str, ...], dict[str, str]]:
    """What ``node/look`` printed: the machine's clock, its journal, its kernel's lines, its facts."""
    _, *parts = f"\n{output}".split("\n== ")
    texts = {what: text for what, _, text in (part.partition("\n") for part in parts)}
    clock = _time(texts.pop("clock", ""))
    journal = [_line(line) for line in texts.pop("journal", "").splitlines()]
    kernel = tuple(texts.pop("kernel", "").splitlines())
    facts = {what: text.strip() for what, text in texts.items() if text.strip()}
    return clock, tuple(sorted(filter(None, journal), key=lambda line: line.at)), kernel, facts


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(text), UTC)
    except ValueError:
        return None


def _line(text: str) -> Line | None:
    match = _LINE.fullmatch(text)
    at = _time(match["at"]) if match else None
    return (
        None
        if match is None or at is None
        else Line(at=at, unit=match["unit"], text=_HEAD.sub(lambda head: f"{head['level'] or ''} ".lstrip(), match["text"]))
    )


def wrong_conditions(node: Document) -> list[tuple[str, str]]:
    """The conditions of a node that are not as they should be, and their words."""
    found = (node.get("status") or {}).get("conditions") or ()
    wrong = [one for one in found if _GOOD.get(one["type"], one["status"]) != one["status"]]
    return [(one["type"], f"{one['type']} is {one['status']}: {one.get('reason', '')}: {one.get('message', '')}") for one in wrong]


def lines_of(scene: Scene) -> list[str]:
    """The machines of a scene that are not as they should be or said something, for people."""
    nodes = {one["metadata"]["name"]: one for one in scene.of("nodes")}
    lines: list[str] = []
    for machine in scene.machines:
        told = list(_lines_of_machine(scene, machine, nodes.get(machine.name)))
        if told:
            lines += [f"{machine.name} ({machine.role})", *(f"  {line}" for line in told)]
    return lines


def _lines_of_machine(scene: Scene, machine: MachineSeen, node: Document | None) -> Iterator[str]:
    if machine.state not in {RUNNING, UNKNOWN}:
        yield f"its container is {machine.state}"
        if machine.console.strip():
            yield "its console ended with"
            yield from (f"  | {line}" for line in machine.console.strip().splitlines())
    if node is not None:
        yield from (words for _, words in wrong_conditions(node))
        taints = (node.get("spec") or {}).get("taints") or ()
        yield from (f"tainted: {one.get('key', '')}={one.get('value', '')}:{one.get('effect', '')}" for one in taints)
    for what in ("disk", "units"):
        yield from (f"{what}: {line}" for line in machine.facts.get(what, "").splitlines())
    yield from (f"kernel: {line}" for line in machine.kernel)
    yield from collapsed(machine.journal, scene.began)


def collapsed(journal: tuple[Line, ...], began: datetime) -> Iterator[str]:
    """Lines of the journal since then, each kind once: what differs in numbers alone is of one kind."""
    kinds: dict[str, list[Line]] = {}
    for line in journal:
        if line.at >= began:
            kinds.setdefault(f"{line.unit} {re.sub(r'[0-9a-f]{6,}|[0-9]+', '#', line.text)}", []).append(line)
    for several in sorted(kinds.values(), key=lambda lines: lines[-1].at):
        last = several[-1]
        count = f" x{len(several)}" if len(several) > 1 else ""
        yield f"{(last.at - began).total_seconds():+8.1f} s{count:<4} {last.unit}: {last.text}"


_POD = re.compile(r"pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12})")


def of_pods(kernel: tuple[str, ...], uids: frozenset[str]) -> tuple[str, ...]:
    """The kernel's lines that are about these pods. When a line was written nobody can tell: the kernel's clock is its own."""
    found = [(line, _POD.search(line)) for line in kernel]
    return tuple(line for line, pod in found if pod is not None and pod[1].replace("_", "-") in uids)
