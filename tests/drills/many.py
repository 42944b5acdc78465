"""Runs a test on a cluster many times in a row, then several at a time, with no option but the cache's place.

Usage: python tests/drills/many.py [--times 20] [--together 4] [--cache-dir DIR]

All must be green, and nothing of ours may be left: containers, volumes, networks, sessions, locks, temporary files.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from kill import TEST, left


def main() -> int:
    """Returns 0 when all were green and nothing was left."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--together", type=int, default=4)
    parser.add_argument("--cache-dir", type=Path, required=True)
    arguments = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "test_it.py").write_text(TEST, encoding="utf-8")
        temporary = Path(folder) / "tmp"
        temporary.mkdir()
        environment = {**os.environ, "TMPDIR": str(temporary), "PYTEST_KIND_CACHE_DIR": str(arguments.cache_dir)}

        def start() -> subprocess.Popen[str]:
            command = [sys.executable, "-m", "pytest"]
            return subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

        for batch in [1] * arguments.times + [arguments.together]:
            begin = time.monotonic()
            processes = [start() for _ in range(batch)]
            outputs = [process.communicate()[0] for process in processes]
            codes = [process.returncode for process in processes]
            failed += sum(code != 0 for code in codes)
            print(f"{batch} at a time: {codes} in {time.monotonic() - begin:.1f} s", flush=True)
            for output in (output for output, code in zip(outputs, codes, strict=True) if code):
                print(output[-3000:], flush=True)
        remains = left(arguments.cache_dir, temporary)
    print(f"left: {remains or 'nothing'}")
    print(f"{arguments.times + arguments.together - failed} passed, {failed} failed")
    return 1 if failed or remains else 0


if __name__ == "__main__":
    sys.exit(main())
