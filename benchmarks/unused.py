"""What the plugin costs a project that has it installed and does not use it.

Usage: python benchmarks/unused.py [--runs 20]

Alternates `pytest --collect-only` with the plugin and without it (`-p no:kind`), in a project of one test, and prints the
medians and the median of the differences, in milliseconds of wall time of the whole process.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def seconds(folder: str, *arguments: str) -> float:
    """Wall time of one run."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *arguments]
    # What is installed has its bytecode; a machine that writes none would compile the plugin in each run, and pytest itself, too.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def prepare(folder: str) -> None:
    """Writes the project, and runs it once: from then on everything is compiled."""
    (Path(folder) / "test_it.py").write_text("def test_it():\n    pass\n", encoding="utf-8")
    (Path(folder) / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    seconds(folder)


def main() -> None:
    """Prints one line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=20)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        prepare(folder)
        pairs = [(seconds(folder), seconds(folder, "-p", "no:kind")) for _ in range(runs)]
    median = statistics.median
    with_it, without, difference = (median(values) * 1000 for values in (*zip(*pairs, strict=True), [a - b for a, b in pairs]))
    print(f"with {with_it:.1f} ms, without {without:.1f} ms, difference {difference:.1f} ms (medians of {runs} alternating runs)")


if __name__ == "__main__":
    main()
