"""What the boot benchmark asks of the engine: by its client, and by the labels that kind's clusters and ours have in common."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Collection, Iterable

from pytest_kind import labels
from pytest_kind.errors import KindError
from pytest_kind.waiting import Deadline, NotYet, wait_for

MEBIBYTE, MEGABYTE = 1024**2, 1000**2
_UNITS = {"B": 1, "KiB": 1024, "MiB": MEBIBYTE, "GiB": 1024**3, "kB": 1000, "MB": MEGABYTE, "GB": 1000**3}
_GONE_SECONDS = 120


class BenchmarkError(KindError):
    """Something that is measured did not come about."""


def docker(*argv: str, text: str | None = None, seconds: float = 600) -> str:
    """The standard output of the engine's client.

    Args:
        text: what it reads.

    Raises:
        BenchmarkError: it ended with something else than 0; the message has its last line.
    """
    done = subprocess.run(["docker", *argv], input=text, text=True, capture_output=True, check=False, timeout=seconds)
    if done.returncode:
        raise BenchmarkError(f"docker {argv[0]}: {(done.stderr.strip().splitlines() or ['no word why'])[-1]}")
    return done.stdout


def containers(name: str) -> list[str]:
    """The ids of a cluster's containers, running or not."""
    return docker("ps", "--all", "--quiet", "--no-trunc", "--filter", f"label={labels.CLUSTER}={name}").split()


def volumes(of: Iterable[str]) -> set[str]:
    """The names of the volumes that are mounted in containers."""
    text = '{{range .Mounts}}{{if eq .Type "volume"}}{{.Name}} {{end}}{{end}}'
    found = list(of)
    return set(docker("inspect", "--format", text, *found).split()) if found else set()


def removed(name: str, remove: Callable[[], object]) -> float:
    """Seconds that it takes to remove a cluster, until the engine lists neither a container nor a volume of it."""
    mounted = volumes(containers(name))

    def probe() -> NotYet | None:
        left = [*containers(name), *sorted(mounted & set(docker("volume", "ls", "--quiet").split()))]
        return NotYet(f"there are {' '.join(left)}") if left else None

    begin = time.monotonic()
    remove()
    wait_for(f"all of cluster {name} to be gone", probe, Deadline(_GONE_SECONDS), every=0.01)
    return time.monotonic() - begin


def discard(names: Collection[str]) -> None:
    """Removes what is left of clusters, whoever made them."""
    for name in names:
        found = containers(name)
        if found:
            docker("rm", "--force", "--volumes", *found)
        named = docker("volume", "ls", "--quiet", "--filter", f"label={labels.CLUSTER}={name}").split()
        if named:
            docker("volume", "rm", "--force", *named)


def memory(of: Collection[str]) -> float:
    """Megabytes (10^6) that containers use, together: their cgroups' usage without inactive file pages, as ``docker stats`` says it."""
    said = docker("stats", "--no-stream", "--no-trunc", "--format", "{{.MemUsage}}", *of)
    return sum(in_bytes(line.partition("/")[0]) for line in said.splitlines()) / MEGABYTE


def in_bytes(text: str) -> float:
    """What the client means by ``427.1MiB``.

    Raises:
        ValueError: it is no such word.
    """
    found = re.fullmatch(r"\s*([0-9.]+)\s*([A-Za-z]+)\s*", text)
    if found is None or found[2] not in _UNITS:
        raise ValueError(f"{text!r} is no size")
    return float(found[1]) * _UNITS[found[2]]


def disk(of: Iterable[str]) -> tuple[float, float]:
    """Megabytes (10^6) on disk of nodes: what their containers wrote, and what lies in their volumes (blocks, not lengths)."""
    nodes = list(of)
    written = sum(int(docker("inspect", "--size", "--format", "{{.SizeRw}}", node)) for node in nodes)
    kept = sum(int(docker("exec", node, "du", "-sxk", "/var").split()[0]) for node in nodes)
    return written / MEGABYTE, kept * 1024 / MEGABYTE


def image_of(container: str) -> str:
    """The id of the image that a container was made of."""
    return docker("inspect", "--format", "{{.Image}}", container).strip()


def is_frozen(image: str) -> bool:
    """Whether an image is a frozen cluster: its containers are copies."""
    return docker("image", "inspect", "--format", f'{{{{index .Config.Labels "{labels.KIND}"}}}}', image).strip() == labels.KIND_FROZEN


def web_image(container: str) -> str:
    """An image on that node, and so on every node of its image, that can serve a page: the one with busybox.

    Raises:
        BenchmarkError: there is none.
    """
    found = docker("exec", container, "ctr", "--namespace", "k8s.io", "images", "list", "--quiet").split()
    name = next((one for one in found if "/busybox:" in one), None)
    if name is None:
        raise BenchmarkError("the node image has no busybox, whose httpd answers here")
    return name
