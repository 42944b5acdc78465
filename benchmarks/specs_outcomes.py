"""Specs that a battery ran, once more by the suite's own ``ginkgo`` on the same cluster, and their outcomes side by side.

Usage: ``python benchmarks/specs_outcomes.py --results DIR --cluster NAME --cache-dir DIR [--procs 10] [--slice 150] [--minutes N] [--again]``

DIR is that of ``tests/drills/specs_battery.py --kind-keep --kind-name=NAME``, whose ``results.jsonl`` has our outcomes. What has
none of ginkgo's yet is run, slice by slice, those that ginkgo runs one after the other at the end; ``DIR/ginkgo.jsonl`` has a line
for each, so that a later run goes on from there, and ``DIR/compared.md`` the comparison. ``--again`` runs those once more by
ginkgo that ended differently: a spec that flakes does so under either. Exit code 1: some are different.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from ginkgo import Ginkgo, Row
from pytest_kind.e2e.focus import exactly
from pytest_kind.provision import docker_engine


def ours(folder: Path) -> dict[str, Row]:
    """What the battery noted; the last line of a spec counts."""
    rows = [json.loads(line) for line in (folder / "results.jsonl").read_text(encoding="utf-8").splitlines() if line.endswith("}")]
    found = (Row(one["spec"].partition(".go::")[2], one["outcome"], one["at"] - one["seconds"], one["at"], one["message"]) for one in rows)
    return {row.name: row for row in found}


def theirs(folder: Path) -> dict[str, Row]:
    """What ginkgo said of them in earlier runs of this."""
    file = folder / "ginkgo.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return {row.name: row for row in (Row(**json.loads(line)) for line in lines)}


def different(left: Mapping[str, Row], right: Mapping[str, Row]) -> list[str]:
    """Specs that both ran, and that ended differently."""
    return [name for name in left if name in right and left[name].outcome != right[name].outcome]


def compared(left: Mapping[str, Row], right: Mapping[str, Row]) -> str:
    """Both, in Markdown: how many ended alike, and each that did not."""
    both, unlike = [name for name in left if name in right], different(left, right)
    alike = Counter(left[name].outcome for name in both if name not in unlike)
    kinds = ", ".join(f"{count} {outcome}" for outcome, count in alike.most_common())
    lines = [
        f"pytest ran {len(left)} specs, ginkgo {len(both)} of them, too: {len(both) - len(unlike)} ended alike ({kinds}), {len(unlike)} did not.",
        "",
        *(["| spec | pytest | ginkgo |", "|---|---|---|"] if unlike else []),
        *(f"| {_cell(name)} | {_said(left[name])} | {_said(right[name])} |" for name in unlike),
    ]
    return "\n".join([*lines, ""])


def _said(row: Row) -> str:
    return _cell(f"{row.outcome}: {row.message}"[:300] if row.message else row.outcome)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main() -> int:
    """Returns 0 where all that both ran ended alike."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=lambda text: Path(text).absolute(), required=True, help="the battery's folder")
    parser.add_argument("--cluster", required=True, help="the kept cluster's name")
    parser.add_argument("--cache-dir", type=lambda text: Path(text).absolute(), required=True)
    parser.add_argument("--procs", type=int, default=10)
    parser.add_argument("--slice", type=int, default=150, help="specs in one run of ginkgo (default: 150)")
    parser.add_argument("--minutes", type=float, default=60 * 24, help="after which no further slice begins (default: a day)")
    parser.add_argument("--again", action="store_true", help="those that ended differently are run again")
    arguments = parser.parse_args()
    folder: Path = arguments.results
    end = time.monotonic() + arguments.minutes * 60
    left, right = ours(folder), theirs(folder)
    wanted = [name for name in left if name not in right or (arguments.again and left[name].outcome != right[name].outcome)]
    work = folder / "ginkgo"
    work.mkdir(exist_ok=True)
    engine = docker_engine.connect()
    try:
        ginkgo = Ginkgo(engine, arguments.cache_dir, work, arguments.cluster)
        wanted.sort(key=lambda name: "[Serial]" in name)
        while wanted and time.monotonic() < end:
            names, wanted = wanted[: arguments.slice], wanted[arguments.slice :]
            ginkgo.run(f"--procs={arguments.procs}", f"--focus={exactly(names)}")
            rows = ginkgo.rows()
            with (folder / "ginkgo.jsonl").open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(asdict(row)) + "\n" for row in rows)
            print(f"{len(rows)} of {len(names)} specs ran in {max(row.end for row in rows) - min(row.begin for row in rows):.0f} s", flush=True)
    finally:
        engine.close()
        text = compared(left, theirs(folder))
        (folder / "compared.md").write_text(text, encoding="utf-8")
    print(text)
    return 1 if different(left, theirs(folder)) else 0


if __name__ == "__main__":
    sys.exit(main())
