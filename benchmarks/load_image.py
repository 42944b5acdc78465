"""``kind load docker-image`` against ``load_image``: same nodes, same image, alternating in one run.

Usage: ``python benchmarks/load_image.py --kind PATH [--rounds 3] [--sizes 100 1000] [--nodes 1 3]``. Nodes are containers of
the newest node image in the engine, booted to containerd: loading needs no Kubernetes, and none disturbs the clock. Each
image has four layers of random bytes. Before every load it is taken off the nodes and dirty pages are written; the second
load is of the unchanged image. Everything made is removed at the end.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_kind import labels
from pytest_kind.provision import docker_engine
from pytest_kind.provision.provider import ContainerSpec, Provider
from pytest_kind.toolbox.images import load_image
from pytest_kind.waiting import Deadline, NotYet, wait_for

CLUSTER = f"load-benchmark-{os.getpid()}"
LAYERS = 4


@dataclass(frozen=True)
class Node:
    """One of the nodes that are loaded into."""

    name: str
    container: str


@contextlib.contextmanager
def running(provider: Provider, count: int) -> Iterator[list[Node]]:
    """Nodes without Kubernetes, with the labels by which the real kind finds a cluster's."""
    images = provider.images({labels.KIND: "node-image"})
    if not images:
        raise SystemExit("the engine has no node image of ours: run a test with a cluster first")
    made: list[Node] = []
    try:
        for number in range(count):
            name = f"{CLUSTER}-worker{number}"
            marks = {labels.CLUSTER: CLUSTER, labels.ROLE: "worker"}
            spec = ContainerSpec(name=name, image=images[0].id, labels=marks, tmpfs={"/tmp": "", "/run": ""}, volume="/var")  # noqa: S108
            made.append(Node(name, provider.create(spec)))
            provider.start(made[-1].container)
        for node in made:

            def probe(node: Node = node) -> NotYet | None:
                result = provider.exec(node.container, ["ctr", "version"])
                return NotYet(result.output) if result.code else None

            wait_for(f"containerd of {node.name}", probe, Deadline(60))
        yield made
    finally:
        for node in made:
            provider.remove(node.container)


@contextlib.contextmanager
def image(megabytes: int) -> Iterator[str]:
    """An image of random bytes."""
    name = f"load-benchmark:{megabytes}-{os.getpid()}"
    with tempfile.TemporaryDirectory() as folder:
        for number in range(LAYERS):
            with (Path(folder) / f"data{number}").open("wb") as file:
                for _ in range(megabytes // LAYERS):
                    file.write(os.urandom(1_000_000))
        lines = ["FROM scratch", *(f"COPY data{number} /data{number}" for number in range(LAYERS))]
        (Path(folder) / "Dockerfile").write_text("\n".join(lines), encoding="utf-8")
        subprocess.run(
            ["docker", "build", "--quiet", "--tag", name, folder], check=True, env={**os.environ, "DOCKER_BUILDKIT": "0"}, capture_output=True
        )
    try:
        yield name
    finally:
        subprocess.run(["docker", "image", "rm", "--force", name], check=True, capture_output=True)


def forget(provider: Provider, nodes: Sequence[Node], name: str) -> None:
    """Takes the image off the nodes, and lets the disk come to rest."""
    found = provider.image(name)
    references = [f"docker.io/library/{name}", found.id if found else ""]
    for node in nodes:
        provider.exec(node.container, ["ctr", "--namespace", "k8s.io", "images", "remove", "--sync", *references])
    os.sync()


def timed(work: Callable[[], object]) -> float:
    """Seconds that it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(provider: Provider, nodes: Sequence[Node], name: str, kind: str, rounds: int) -> None:
    """One line for the first load, one for the second."""
    command = [kind, "load", "docker-image", name, "--name", CLUSTER, "--nodes", ",".join(node.name for node in nodes)]
    tools: dict[str, Callable[[], object]] = {
        "kind": lambda: subprocess.run(command, check=True, capture_output=True),
        "ours": lambda: load_image(provider, nodes, [name]),
    }
    first: dict[str, list[float]] = {tool: [] for tool in tools}
    second: dict[str, list[float]] = {tool: [] for tool in tools}
    for number in range(rounds):
        for tool in sorted(tools, reverse=bool(number % 2)):
            forget(provider, nodes, name)
            first[tool].append(timed(tools[tool]))
            second[tool].append(timed(tools[tool]))
    for what, seconds in (("first load", first), ("second load", second)):
        middle = {tool: statistics.median(values) for tool, values in seconds.items()}
        listed = ", ".join(f"{tool} {middle[tool]:.2f} s ({' '.join(f'{value:.2f}' for value in seconds[tool])})" for tool in sorted(tools))
        size, ratio = name.split(":")[1].split("-", maxsplit=1)[0], middle["kind"] / middle["ours"]
        print(f"{size} MB, {len(nodes)} nodes, {what}: {listed}; kind/ours {ratio:.2f}", flush=True)


def main() -> None:
    """Compares every size on every number of nodes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", required=True, help="the real kind's executable")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1000], help="MB")
    parser.add_argument("--nodes", type=int, nargs="+", default=[1, 3])
    arguments = parser.parse_args()
    provider = docker_engine.connect()
    for megabytes in arguments.sizes:
        with image(megabytes) as name:
            for count in arguments.nodes:
                with running(provider, count) as nodes:
                    compare(provider, nodes, name, arguments.kind, arguments.rounds)
    provider.close()


if __name__ == "__main__":
    main()
