"""Facts for the doctor's checks: of a machine that lacks nothing, with what a test says is not so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from pytest_kind.config.types import ClusterConfig
from pytest_kind.diagnose.doctor.facts import Cache, Facts, Here, Holdings, Machine, Unreachable, Wanted
from support.engine import SURVEY

GIB = 1 << 30
NOW = 1_800_000_000.0
FEATURES = ("ipv6", "nftables", "ipvs", "dummy", "iptables", "bridge", "bridge-netfilter", "vxlan", "overlay")
HEALTHY = Facts(
    wanted=Wanted(),
    here=Here(
        now=NOW,
        root=True,
        environ={},
        kernel=SURVEY.kernel,
        tools={"go": "/usr/bin/go", "cc": "/usr/bin/cc", "debootstrap (as root)": "/usr/sbin/debootstrap"},
        subnets=("172.17.0.0/16",),
    ),
    cache=Cache(path=Path("/cache"), filesystem="ext4", free=100 * GIB, newest=NOW - 10),
    engine=SURVEY,
    machine=Machine(
        inotify_instances=1024,
        inotify_watches=524288,
        open_files=1048576,
        processes=4194304,
        memory_free=6 * GIB,
        disk_free=100 * GIB,
        inodes_free=10_000_000,
        features=dict.fromkeys(FEATURES, True),
        systemd=252,
        capabilities=(1 << 41) - 1,
    ),
    holdings=Holdings(image=True, image_name="pytest-kind/node:v1.37.1-0"),
)


def facts(config: ClusterConfig | None = None, unreachable: Unreachable | None = None, **parts: dict[str, Any]) -> Facts:
    """A healthy machine, but: ``facts(machine={"inotify_instances": 128}, here={…})``.

    Args:
        config: what is wanted.
        unreachable: why no engine answers; there is none then.
    """
    changed = {name: replace(getattr(HEALTHY, name), **changes) for name, changes in parts.items()}
    if config is not None:
        changed["wanted"] = replace(changed.get("wanted", HEALTHY.wanted), config=config)
    if unreachable is not None:
        return replace(HEALTHY, **changed, unreachable=unreachable, engine=None, machine=Machine(), holdings=Holdings())
    return replace(HEALTHY, **changed)
