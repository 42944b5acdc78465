"""Asks a cluster that has just become ready, or could not, what it began when."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from pytest_kind.api import kubeconfig
from pytest_kind.api.http import Api
from pytest_kind.boot.context import side_by_side
from pytest_kind.errors import CommandError, KindError
from pytest_kind.timeline.lanes import Pod, Reading, parse, pods_of

if TYPE_CHECKING:
    from pytest_kind.node import KindNode

_SECONDS = 10.0
_PODS = "/api/v1/namespaces/kube-system/pods"
# The kernel's clock and that of the day; of each process its number, when it started and its name; the kernel's clock again.
# Without a process of its own for any of them: a node has a hundred, and is about to be handed over.
_SCRIPT = """LC_ALL=C
read -r up _ </proc/uptime
echo "$up $EPOCHREALTIME"
for stat in /proc/[0-9]*/stat; do
  { read -r line <"$stat"; } 2>/dev/null || continue
  name=${line#*(}
  rest=(${name##*) })
  echo "${line%% *} ${rest[19]} ${name%)*}"
done
read -r up _ </proc/uptime
echo $up"""


def readings(nodes: Iterable[KindNode]) -> tuple[list[Reading], list[str]]:
    """What each node says, all asked at once, in their order; and a line for each that could not be asked."""
    there = list(nodes)
    found: dict[str, Reading] = {}
    problems: dict[str, str] = {}

    def ask(node: KindNode) -> None:
        try:
            found[node.name] = _reading(node)
        except CommandError as error:
            problems[node.name] = f"node {node.name}: its processes could not be listed (exit code {error.code})"
        except KindError as error:
            problems[node.name] = f"node {node.name}: {str(error).splitlines()[0]}"

    side_by_side(ask, there)
    return [found[one.name] for one in there if one.name in found], [problems[one.name] for one in there if one.name in problems]


def _reading(node: KindNode) -> Reading:
    asked = time.monotonic()
    said = node.exec("bash", "-c", _SCRIPT, timeout=_SECONDS)
    found = parse(node.name, said, asked, time.monotonic())
    if found is None:
        raise KindError("its list of processes is none that can be read")
    return found


def pods(file: Path) -> tuple[list[Pod], list[str]]:
    """When the pods of ``kube-system`` were scheduled and ready; or a line that says why that is not known.

    Args:
        file: the cluster's kubeconfig.
    """
    try:
        credentials = kubeconfig.credentials(yaml.safe_load(file.read_text(encoding="utf-8")))
        with tempfile.TemporaryDirectory() as scratch:
            api = Api(credentials, Path(scratch), seconds=_SECONDS)
        try:
            return pods_of(api.get(_PODS)), []
        finally:
            api.close()
    except (KindError, yaml.YAMLError, LookupError, TypeError, ValueError, OSError) as error:
        return [], [f"its pods: {str(error).splitlines()[0] if str(error) else type(error).__name__}"]
