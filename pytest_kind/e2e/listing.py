"""Which specs a suite has, and which of them are asked for: from its own dry run.

Ginkgo's meaning of a focus, a skip and a label filter is ginkgo's: its binary selects. A dry run takes about a second and
is kept under the digest of the binary and of what was asked.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_kind.e2e.spec import Spec
from pytest_kind.e2e.suite import Refused, Suite
from pytest_kind.errors import UsageError

_FORM = "specs 2"  # changed when what is kept changes
_NEAR = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What is asked for, in ginkgo's words.

    Attributes:
        focus: a regular expression (Go's); found in ``Kubernetes e2e suite`` and the spec's text, with a space between.
        skip: likewise, for what is left out.
        labels: an expression over labels (``sig-storage && !Slow``).
    """

    focus: str | None = None
    skip: str | None = None
    labels: str | None = None

    @property
    def arguments(self) -> list[str]:
        """As the binary takes them."""
        given = {"focus": self.focus, "skip": self.skip, "label-filter": self.labels}
        return [f"--ginkgo.{name}={value}" for name, value in given.items() if value is not None]


def listed(suite: Suite, selection: Selection, cache: Path) -> list[Spec]:
    """The specs that are asked for, in the order of their files and lines.

    Args:
        cache: where listings are kept.

    Raises:
        UsageError: the binary cannot be run, an expression is none, or nothing matches; the message has near matches.
    """
    place = place_of(cache, suite, _FORM, *selection.arguments)
    if place.is_file():
        rows = json.loads(place.read_text(encoding="utf-8"))
    else:
        rows = [[*row, run] for row, run in _dry_run(suite, selection)]
        keep(place, rows)
    found = [Spec(name, file, line, tuple(labels)) for name, file, line, labels, run in rows if run]
    if not found:
        raise UsageError(_nothing(selection, rows))
    return sorted(found, key=lambda spec: (spec.file, spec.line, spec.name))


def place_of(cache: Path, suite: Suite, *asked: str) -> Path:
    """The file in the cache for what a suite says when it is asked this."""
    key = hashlib.sha256("\0".join([suite.digest, *suite.args, "", *asked]).encode()).hexdigest()[:16]
    return cache / "listings" / f"{key}.json"


def keep(place: Path, content: object) -> None:
    """Writes a file of the cache, whole or not at all, whoever else writes it at the same time."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=place.parent, prefix=f"{place.stem}-", suffix=".part", delete=False, encoding="utf-8") as file:
        json.dump(content, file)
    Path(file.name).replace(place)


def _dry_run(suite: Suite, selection: Selection) -> Iterator[tuple[list[Any], bool]]:
    """Each spec, and whether it is selected."""
    with tempfile.TemporaryDirectory(prefix="pytest-kind-") as folder:
        report = Path(folder) / "report.json"
        try:
            suite.ask("--ginkgo.dry-run", *selection.arguments, "--ginkgo.succinct", f"--ginkgo.json-report={report}", *suite.args)
        except Refused as error:
            raise _bad_expression(selection, error) or error from error
        (whole,) = json.loads(report.read_text(encoding="utf-8"))
    for one in whole["SpecReports"]:
        if one["LeafNodeType"] == "It":
            location = one["LeafNodeLocation"]
            labels = dict.fromkeys(label for labels in [*(one["ContainerHierarchyLabels"] or []), one["LeafNodeLabels"]] for label in labels or [])
            yield [text_of(one), in_tree(location["FileName"]), location["LineNumber"], list(labels)], one["State"] == "passed"


def text_of(report: dict[str, Any]) -> str:
    """A spec's full name, from ginkgo's report of it."""
    return " ".join([*(report["ContainerHierarchyTexts"] or []), report["LeafNodeText"]])


def in_tree(file: str) -> str:
    """A source file's path inside its project, wherever that lay when it was compiled."""
    inside = re.search(r"(?:^|/)(test/.*)", file)
    return inside[1] if inside else file.lstrip("/")


def _bad_expression(selection: Selection, error: Refused) -> UsageError | None:
    """The error for an expression that is none, if that is why the binary refused."""
    found = re.search(r"^panic: regexp: Compile\((.*)\): error parsing regexp: (.*)", error.said, re.MULTILINE)
    if found:
        option = "--kind-focus" if selection.focus and selection.focus in found[1] else "--kind-skip"
        return UsageError(f"{option}: {found[1]} is no regular expression (of Go's): {found[2]}")
    if "Parsing Label Filter" in error.said:
        why = " ".join(line.strip() for line in error.said.partition("Parsing Label Filter")[2].splitlines() if line.strip() and "http" not in line)
        return UsageError(f"--kind-label-filter: {selection.labels!r} is no label filter (of ginkgo's): {why}")
    return None


def _nothing(selection: Selection, rows: Iterable[list[Any]]) -> str:
    asked = {"--kind-focus": selection.focus, "--kind-skip": selection.skip, "--kind-label-filter": selection.labels}
    said = ", ".join(f"{option} {value!r}" for option, value in asked.items() if value is not None)
    words: dict[str, None] = {}
    for name, _, _, labels, *_ in rows:
        words.update(dict.fromkeys([*labels, *re.findall(r"\[[^\]]+\]|[\w-]{4,}", name)]))
    wanted = [part for value in (selection.focus, selection.labels) if value for part in re.findall(r"[\w:-]{3,}", value)]
    near: dict[str, None] = {}
    by_lower = {word.lower(): word for word in words}
    for part in wanted:
        near.update(dict.fromkeys(by_lower[one] for one in difflib.get_close_matches(part.lower(), by_lower, _NEAR, 0.6)))
    hint = f"; near it: {', '.join(list(near)[:_NEAR])}" if near else ""
    return f"{said}: no spec of the suite matches{hint}"
