"""A folder of a node that is full, and a kubelet that is short of disk.

Nodes share the disk of the engine's machine, which is never filled. So a full folder is a small file system in memory, over the
folder; and a kubelet is short of disk because it is told to want more than there is. What it does then is its own.
"""

from __future__ import annotations

import json
import posixpath
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import yaml

from pytest_kind.config.types import in_bytes
from pytest_kind.errors import CommandError, KindError, UsageError
from pytest_kind.toolbox.faults.causing import Fault, caused, machines_of, remembers, run
from pytest_kind.waiting import Deadline, NotYet, wait_for

if TYPE_CHECKING:
    from pytest_kind.boot.context import BootMachine
    from pytest_kind.handle import KindCluster
    from pytest_kind.node import KindNode

MOST = "256Mi"
"""What a full folder may take of the machine's memory: what is in it already, and what is left."""

# Arguments: the file system's name, the folder, and in bytes what is to be left and what it may take in all. What is in the
# folder is copied, then the file system shrinks around it.
_FILL = """set -e
name=$1 folder=$2 leave=$3 most=$4
[ -d "$folder" ] || { echo "there is no folder $folder on this node" >&2; exit 3; }
below=$(awk -v f="$folder/" 'index($2, f) == 1 {print $2; exit}' /proc/self/mounts)
[ -z "$below" ] || { echo "$below is a mount below it, which would be hidden" >&2; exit 3; }
held=$(du -sk "$folder" | cut -f1)
if [ $((held * 1024 + leave)) -gt "$most" ]; then echo "it holds $held KiB, which with what is to be left is more than $most bytes" >&2; exit 3; fi
new=$(mktemp -d)
trap 'umount "$new" 2>/dev/null || true; rmdir "$new" 2>/dev/null || true' EXIT
mount -t tmpfs -o size=$((most + 1048576)) "$name" "$new"
chmod --reference="$folder" "$new"
chown --reference="$folder" "$new"
cp -a "$folder/." "$new/"
used=$(df --block-size=1 --output=used "$new" | tail -n 1)
mount -o remount,size=$((used + leave < 4096 ? 4096 : used + leave)) "$new"
mount --bind "$new" "$folder"
umount "$new"
"""
_EMPTY = """set -e
name=$1 folder=$2
top=$(awk -v f="$folder" '$2 == f {top = $1} END {print top}' /proc/self/mounts)
if [ "$top" = "$name" ]; then exec umount --lazy "$folder"; fi
if grep -q "^$name " /proc/self/mounts; then echo "another file system was mounted over $folder meanwhile" >&2; exit 3; fi
"""
_REFUSED = 3

_CONFIG = "/run/pytest-kind-kubelet.yaml"
_DROP_IN = "/run/systemd/system/kubelet.service.d/95-pytest-kind.conf"
_UNIT = f'[Service]\nEnvironment="KUBELET_CONFIG_ARGS=--config={_CONFIG}"\n'
# More than there ever is. As a hard threshold the kubelet would take it off what pods may ask for; a soft one without grace evicts just
# as soon. What goes under such pressure could not be pulled again where no registry is reached: images stay.
# https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/
_SHORT: dict[str, Any] = {
    "evictionSoft": {"nodefs.available": "1Ei"},
    "evictionSoftGracePeriod": {"nodefs.available": "0s"},
    "imageMinimumGCAge": "24h",
    "nodeStatusUpdateFrequency": "1s",
}
_TAINT = "node.kubernetes.io/disk-pressure"
_RESTART = "set -e; systemctl daemon-reload; systemctl restart kubelet.service"
_WRITE = 'set -e; mkdir -p "${1%/*}"; umask 077; cat >"$1"'


def full(cluster: KindCluster, node: KindNode, path: str, leave: str | int) -> AbstractContextManager[None]:
    """A folder of a node in which almost nothing more can be written.

    Raises:
        UsageError: a path or quantity that is not accepted.
    """
    what = f"disk_full({path!r}) of {node.name}"
    folder, wrong = posixpath.normpath(path), []
    if not path.startswith("/") or folder in {"/", "//"}:
        wrong.append(f"path: {path!r} is not accepted; accepted is the absolute path of a folder of the node")
    try:
        left = leave if isinstance(leave, int) else in_bytes(leave)
    except ValueError:
        left = -1
    if not 0 <= left <= in_bytes(MOST):
        wrong.append(f"leave: {leave!r} is not accepted; accepted is a quantity from 0 to {MOST}, such as 10Mi")
    if wrong:
        raise UsageError(f"{what}: {'; '.join(wrong)}")
    (machine,) = machines_of(cluster, what, [node.name])
    name = f"pytest-kind-full-{secrets.token_hex(4)}"

    def begin() -> None:
        try:
            run(cluster, machine, ["sh", "-c", _FILL, "fill", name, folder, str(left), str(in_bytes(MOST))])
        except CommandError as error:
            if error.code == _REFUSED:
                raise UsageError(f"{what}: {error.output.strip()}") from error
            raise

    def undo() -> None:
        if remembers(cluster, machine):
            run(cluster, machine, ["sh", "-c", _EMPTY, "empty", name, folder])

    return caused(cluster, Fault(what=what, begin=begin, undo=undo, machines=[machine]))


def pressure(cluster: KindCluster, node: KindNode, *, wait: bool, timeout: float) -> AbstractContextManager[None]:
    """A node whose kubelet is short of disk: its condition, its taint, and evictions.

    Raises:
        WaitTimeout: the kubelet or the node's taint did not come to it.
    """
    what = f"disk_pressure() of {node.name}"
    (machine,) = machines_of(cluster, what, [node.name])

    def begin() -> None:
        config = yaml.safe_load(run(cluster, machine, ["cat", "/var/lib/kubelet/config.yaml"]))
        _write(cluster, machine, _CONFIG, json.dumps({**config, **_SHORT}))
        _write(cluster, machine, _DROP_IN, _UNIT)
        run(cluster, machine, ["sh", "-c", _RESTART])
        _until(cluster, machine, timeout, short=True)

    def undo() -> None:
        if remembers(cluster, machine):
            run(cluster, machine, ["sh", "-c", f"rm -f {_CONFIG} {_DROP_IN}; {_RESTART}"])

    relieved: Callable[[], None] = lambda: _until(cluster, machine, timeout, short=False)  # noqa: E731
    return caused(
        cluster, Fault(what=what, begin=begin, undo=undo, waits={f"no pressure on {node.name}": relieved} if wait else {}, machines=[machine])
    )


def _write(cluster: KindCluster, machine: BootMachine, path: str, text: str) -> None:
    argv = ["sh", "-c", _WRITE, "write", path]
    result = cluster._site.provider.exec_with_input(machine.container, argv, [text.encode()], seconds=10)  # noqa: SLF001
    if result.code:
        raise CommandError(machine.name, argv, result.code, result.output)


def _until(cluster: KindCluster, machine: BootMachine, timeout: float, *, short: bool) -> None:
    """Waits until condition and taint of a node say that it is short of disk, or that it is not, and that it is Ready."""

    def probe() -> NotYet | bool:
        try:
            node = json.loads(cluster.kubectl("get", "node", machine.name, "--output=json", timeout=10))
        except KindError as error:
            return NotYet(str(error))
        conditions = {one["type"]: one["status"] for one in node["status"].get("conditions", ())}
        tainted = any(one["key"] == _TAINT for one in node["spec"].get("taints", ()))
        seen = f"DiskPressure {conditions.get('DiskPressure')}, Ready {conditions.get('Ready')}, {'a' if tainted else 'no'} taint {_TAINT}"
        wanted = "True" if short else "False"
        return (conditions.get("DiskPressure") == wanted and tainted is short and conditions.get("Ready") == "True") or NotYet(seen)

    wait_for(f"node {machine.name} is {'' if short else 'no more '}short of disk", probe, Deadline(timeout), every=0.5)
