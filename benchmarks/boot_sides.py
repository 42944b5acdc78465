"""Our sides of the boot benchmark: the plugin in a pytest process of its own."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import boot_engine
import boot_inside
from boot_bench import PROCESS_SECONDS, Bench, Cluster, last_words, node_names, stop
from boot_engine import BenchmarkError
from pytest_kind.waiting import Deadline, NotYet, wait_for

OURS = ("cold", "copied", "kept")
_TRIES = 2
_PASSED_ON = {"PYTEST_KIND_IMAGE", "PYTEST_KIND_VERSION", "PYTEST_KIND_SOURCE", "PYTEST_KIND_NETWORK"}


class Ours:
    """A pytest process with one test, which uses ``kind_cluster``.

    Args:
        name: ``cold`` (from the ground), ``copied`` (of a frozen cluster), ``kept`` (attached to one that runs).
        cache: the plugin's folder.
    """

    def __init__(self, bench: Bench, name: str, cache: Path) -> None:
        self.name, self._bench, self._cache = name, bench, cache

    def boot(self, nodes: int = 1) -> Cluster:
        """See :class:`~boot_bench.Side`."""
        if self.name == "kept":
            name = self._bench.new_name()
            self._run(name, nodes).end()  # makes it, and is not counted
            time.sleep(self._bench.settle)
            found = self._run(name, nodes)
            return dataclasses.replace(found, end=lambda: self._give_up(found))
        for _ in range(_TRIES):
            found = self._run(self._bench.new_name(), nodes)
            copied = boot_engine.is_frozen(boot_engine.image_of(found.nodes[0]))
            if copied == (self.name == "copied"):
                return found
            found.end()  # and there is a frozen one, should other runs' have pushed it out
        raise BenchmarkError("it is a copy: this plugin has no --kind-cold" if copied else "it was made from the ground: no frozen cluster was good")

    def warm_up(self, nodes: int = 1) -> None:
        """A first run, which is not counted: it makes the node image, or the frozen cluster, where there is none.

        Raises:
            KindError: it did not come so far.
        """
        found = self._run(self._bench.new_name(), nodes)
        if self.name == "cold":
            self._bench.node_image = boot_engine.image_of(found.nodes[0])
            self._bench.web_image = boot_engine.web_image(found.nodes[0])
        found.end()

    def _run(self, name: str, nodes: int) -> Cluster:
        folder = self._bench.folder / f"{name}-{time.monotonic_ns()}"
        folder.mkdir()
        (folder / "test_boot.py").write_text(boot_inside.TEST, encoding="utf-8")
        (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "boot_inside"]
        environment = self._environment(name, nodes, folder)
        start = time.monotonic()
        process = self._bench.start(argv, folder=folder, environment=environment)
        try:
            note = _note(folder, "answered", process)
        except BaseException:
            stop([process])
            raise

        def end() -> float | None:
            (folder / "release").touch()
            seconds = _note(folder, "ended", process)
            if process.wait(PROCESS_SECONDS):
                raise BenchmarkError(f"its test failed:\n{last_words(folder)}")
            if self.name != "kept":
                self._bench.is_gone(name)
            return None if seconds is None else float(seconds)

        return Cluster(
            name=name,
            started=start,
            handed=note["handed"] - start,
            answered=note["answered"] - start,
            fixture=note["fixture"],
            phases=dict(note["phases"]),
            nodes=node_names(name, nodes),
            kubeconfig=Path(note["kubeconfig"]),
            end=end,
        )

    def _give_up(self, kept: Cluster) -> None:
        kept.end()
        boot_engine.discard([kept.name])
        self._bench.is_gone(kept.name)

    def _environment(self, name: str, nodes: int, folder: Path) -> dict[str, str]:
        strange = {one for one in os.environ if one.startswith(("PYTEST_KIND_", "BOOT_"))} - _PASSED_ON
        # What is installed has its bytecode: a machine that writes none would compile the plugin in each run.
        strange |= {"PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTHONDONTWRITEBYTECODE"}
        environment = {key: value for key, value in os.environ.items() if key not in strange}
        environment |= {
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]),
            "PYTEST_KIND_CACHE_DIR": str(self._cache),
            "PYTEST_KIND_NAME": name,
            "PYTEST_KIND_TIMEOUT": f"{PROCESS_SECONDS:.0f}",
            "BOOT_FOLDER": str(folder),
            "BOOT_IMAGE": self._bench.web_image,
        }
        if nodes > 1:
            roles = [{"role": "control-plane"}, *[{"role": "worker"}] * (nodes - 1)]
            config = {"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4", "nodes": roles}
            (folder / "cluster.yaml").write_text(json.dumps(config), encoding="utf-8")
            environment["PYTEST_KIND_CONFIG"] = str(folder / "cluster.yaml")
        if self.name in {"cold", "kept"}:
            environment[f"PYTEST_KIND_{'COLD' if self.name == 'cold' else 'KEEP'}"] = "1"
        return environment


def _note(folder: Path, what: str, process: subprocess.Popen[bytes]) -> Any:  # noqa: ANN401 - JSON
    """What the process wrote of itself, once it has."""
    file = folder / what

    def probe() -> NotYet | bool:
        if process.poll() is not None and not file.exists():
            raise BenchmarkError(f"its process ended with {process.returncode}:\n{last_words(folder)}")
        return file.exists() or NotYet("it runs")

    wait_for(f"pytest to have {what}", probe, Deadline(PROCESS_SECONDS), every=0.02)
    return json.loads(file.read_text(encoding="utf-8"))
