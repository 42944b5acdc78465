"""How soon a cluster is there: this plugin against the real kind, side by side in one run, in turns, on the same node image.

Usage: ``python benchmarks/boot.py --cache-dir DIR [--rounds 10] [--kind PATH] [--only cold,copied,kept,kind,boot,images,unused,scale,nodes]
[--scale 1,2,4,8] [--nodes 1,3,5,10] [--settle 10] [--out DIR]``, or ``python benchmarks/boot.py --report FILE …``.

The main figure is the time from the start of a process (``pytest`` with one test that uses ``kind_cluster``; ``kind create cluster``)
until a pod answers a request of HTTP by DNS name; ``docs/benchmarks.md`` says what else is measured, and how. What is measured is
printed as it comes; ``DIR/boot.json`` has every single measurement, ``DIR/boot.svg`` a picture. ``--report`` makes
``docs/benchmarks.md`` and its picture of such files. First runs that make the node image and frozen clusters are not counted; both
stay, as they are the plugin's caches. Everything else that it makes it removes, also after a Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import signal
import sys
from collections.abc import Sequence
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import boot_engine
from boot_bench import Bench, Side
from boot_parts import Parts, available
from boot_peer import Peer
from boot_plot import panels, svg
from boot_report import busy_words, counted_rows, main_rows, page, target_rows, unused_words
from boot_results import PEER, Results, aligned, joined
from boot_sides import OURS, Ours
from pytest_kind import labels
from pytest_kind.errors import KindError

PARTS = ("boot", "images", "unused", "scale", "nodes")
_INTERRUPTED = 130
DOCS = Path(__file__).parents[1] / "docs"


def chosen(only: str) -> tuple[list[str], list[str]]:
    """Sides and parts: those that are named; where none of the one sort is named, all of it.

    Raises:
        ValueError: something that is neither.
    """
    words = [word for word in only.split(",") if word]
    strange = sorted(set(words) - {*OURS, PEER, *PARTS})
    if strange:
        raise ValueError(f"{', '.join(strange)}: accepted are {', '.join([*OURS, PEER, *PARTS])}")
    sides = [side for side in (*OURS, PEER) if side in words] or [*OURS, PEER]
    return sides, [part for part in PARTS if part in words] or [*PARTS]


def numbers(text: str) -> list[int]:
    """``1,2,4`` as a list, in order; 1 is always in it, because the others are compared with it."""
    return sorted({1, *(int(word) for word in text.split(",") if word)})


def summary(results: Results) -> str:
    """Everything, for a terminal."""
    aims = [row for row in target_rows(results) if row[-1] != "not measured"]
    tables = [main_rows(results), *[counted_rows(results, what) for what in ("scale", "nodes")], aims]
    return "\n\n".join([*[aligned(rows) for rows in tables if len(rows) > 1], *filter(None, [busy_words(results), unused_words(results)])])


def about(bench: Bench, rounds: int, peer: Peer | None) -> dict[str, Any]:
    """Versions and the machine: nothing that says whose it is."""
    image = bench.node_image
    label = boot_engine.docker("image", "inspect", "--format", f'{{{{index .Config.Labels "{labels.IMAGE_DIGEST}"}}}}', image).strip()
    facts = boot_engine.docker("info", "--format", "{{.ServerVersion}} {{.CgroupVersion}} {{.Driver}}").split()
    versions = {name: metadata.version(name) for name in ("pytest-kind-native", "pytest")}
    kubernetes = boot_engine.docker("run", "--rm", "--entrypoint=cat", image, "/kind/version").strip()
    versions |= {"python": platform.python_version(), "docker": facts[0], "kubernetes": kubernetes, "node image": label}
    if peer is not None:
        versions["kind"] = peer.version()
    memory = next(int(line.split()[1]) * 1024 for line in _read("meminfo").splitlines() if line.startswith("MemTotal:"))
    machine: dict[str, Any] = {"processors": os.cpu_count(), "memory": memory, "kernel": platform.release(), "architecture": platform.machine()}
    machine |= {"cgroups": int(facts[1]), "storage": facts[2], "load": round(os.getloadavg()[0], 1)}
    return {"versions": versions, "machine": machine, "rounds": rounds, "settle": bench.settle}


def measure(arguments: argparse.Namespace, results: Results) -> None:
    """Everything that is asked for."""
    wanted, parts = arguments.only
    bench = Bench(arguments.settle)
    try:
        say("first runs, not counted: the node image, frozen clusters")
        Ours(bench, "cold", arguments.cache_dir).warm_up()
        ours = {name: Ours(bench, name, arguments.cache_dir) for name in OURS if name in wanted}
        if "copied" in ours:
            ours["copied"].warm_up()
        peer = _peer(bench, arguments.kind, results) if PEER in wanted else None
        sides: dict[str, Side] = {**ours, **({PEER: peer} if peer is not None else {})}
        results.about = about(bench, arguments.rounds, peer)
        runner = Parts(bench, sides, results, arguments.rounds, lambda: available(_read("meminfo")), partial(_read, "stat"), say)
        for part in parts:
            say(f"-- {part}")
            if part in {"scale", "nodes"}:
                getattr(runner, part)(getattr(arguments, part))
            else:
                getattr(runner, part)()
    finally:
        # Whoever presses Ctrl-C twice wants to leave, not to leave something behind.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        bench.close()


def _peer(bench: Bench, given: str | None, results: Results) -> Peer | None:
    program = shutil.which(given or os.environ.get("KIND") or "kind")
    if program is None:
        if given:
            raise SystemExit(f"--kind: there is no program {given}")
        results.left_out.append("the real kind: there is none on PATH (`--kind`)")
        say(f"left out: {results.left_out[-1]}")
        return None
    return Peer(bench, program, int(boot_engine.docker("info", "--format", "{{.CgroupVersion}}")))


def _read(name: str) -> str:
    return (Path("/proc") / name).read_text(encoding="utf-8")


def say(text: str) -> None:
    """At once, whoever reads."""
    print(text, flush=True)


def report(files: Sequence[Path]) -> None:
    """Makes the page and its picture."""
    results = joined(*(Results.from_json(file.read_text(encoding="utf-8")) for file in files))
    (DOCS / "benchmarks.svg").write_text(svg(panels(results)), encoding="utf-8")
    (DOCS / "benchmarks.md").write_text(page(results, "benchmarks.svg"), encoding="utf-8")


def main() -> int:
    """Returns 1 where some measurement failed, 130 after an interrupt."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--cache-dir", type=lambda text: Path(text).absolute(), help="the plugin's caches")
    words = "makes docs/benchmarks.md of files of earlier runs, and measures nothing: of a further one what those before lack"
    what.add_argument("--report", type=Path, nargs="+", metavar="JSON", help=words)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--kind", help="the real kind's executable (default: $KIND, or the one on PATH)")
    parser.add_argument("--only", type=chosen, default="", help="sides and parts, with commas between them (default: all)")
    parser.add_argument("--scale", type=numbers, default="1,2,4,8", help="how many clusters at a time")
    parser.add_argument("--nodes", type=numbers, default="1,3,5,10", help="how many nodes a cluster")
    parser.add_argument("--settle", type=float, default=10.0, help="seconds until a cluster is looked at again (default: 10)")
    parser.add_argument("--out", type=Path, default=Path(), help="where boot.json and boot.svg are left (default: here)")
    arguments = parser.parse_args()
    if arguments.report is not None:
        report(arguments.report)
        return 0
    for one in (signal.SIGINT, signal.SIGTERM):  # which a shell's background job would have to ignore, and pytest with it
        signal.signal(one, signal.default_int_handler)
    results, interrupted = Results(), False
    try:
        measure(arguments, results)
    except KeyboardInterrupt:
        interrupted = True
        results.left_out.append("what comes after the interrupt")
        say("interrupted")
    except KindError as error:
        raise SystemExit(str(error)) from None
    finally:
        if results.measurements:
            arguments.out.mkdir(parents=True, exist_ok=True)
            (arguments.out / "boot.json").write_text(results.to_json(), encoding="utf-8")
            (arguments.out / "boot.svg").write_text(svg(panels(results)), encoding="utf-8")
            say(f"\n{summary(results)}")
    return _INTERRUPTED if interrupted else int(any(one.value is None for one in results.measurements))


if __name__ == "__main__":
    sys.exit(main())
