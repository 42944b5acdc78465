"""The engine's machine as its kernel describes it: one reader for what is read here, and for what a container there says."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import socket
import struct
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_kind.diagnose.doctor.collect.here import routes
from pytest_kind.diagnose.doctor.facts import Here, Machine, Route, shares_network

if TYPE_CHECKING:
    from pytest_kind.provision.survey import Survey

FILES = {
    "instances": "/proc/sys/fs/inotify/max_user_instances",
    "watches": "/proc/sys/fs/inotify/max_user_watches",
    "processes": "/proc/sys/kernel/pid_max",
    "memory": "/proc/meminfo",
}
_OF_CONTAINERS = re.compile(r"(lo|docker\d+|br-[0-9a-f]{12}|veth\w+)")
_SO_PEERCRED = 17


def machine_of(said: Mapping[str, str]) -> Machine:
    """The machine from what its files and programs said: name -> text. What is missing stays unknown."""
    inodes = said.get("inodes", "").split()
    systemd = re.match(r"systemd (\d+)", said.get("systemd", ""))
    free = re.search(r"MemAvailable:\s+(\d+) kB", said.get("memory", ""))
    return Machine(
        inotify_instances=_number(said.get("instances")),
        inotify_watches=_number(said.get("watches")),
        processes=_number(said.get("processes")),
        open_files=_number(said.get("open-files")),
        memory_free=int(free[1]) * 1024 if free else None,
        disk_free=_number(said.get("disk")),
        inodes_free=int(inodes[1]) if inodes and int(inodes[0]) else None,
        routes=tuple(_routes(said.get("routes", ""))),
        features={name.removeprefix("has "): text.strip() == "yes" for name, text in said.items() if name.startswith("has ")},
        systemd=int(systemd[1]) if systemd else None,
        capabilities=int(said["capabilities"], 16) if said.get("capabilities") else None,
        refused=said.get("refused"),
    )


def _number(text: str | None) -> int | None:
    return int(text) if text and text.strip().isdigit() else None  # `unlimited` is no bound


def _routes(text: str) -> list[Route]:
    """From lines of ``ip -json route``; networks alone, and none that the engine or a VPN has for everything."""
    found = []
    for line in text.splitlines():
        for one in json.loads(line) if line.startswith("[") else ():
            destination, device = str(one.get("dst", "")), str(one.get("dev", ""))
            if one.get("type", "unicast") != "unicast" or not device or _OF_CONTAINERS.fullmatch(device):
                continue
            with suppress(ValueError):  # `default`
                network = ipaddress.ip_network(destination, strict=False)
                # A VPN takes everything as 0.0.0.0/1 and 128.0.0.0/1.
                if network.prefixlen > 1 and not network.is_link_local and not network.is_multicast:
                    found.append(Route(network=str(network), device=device))
    return list(dict.fromkeys(found))


def see_from_here(engine: Survey, here: Here) -> dict[str, str]:
    """What of the engine's machine can be read here, if it is this one; else nothing."""
    if not engine.local or engine.kernel != here.kernel or "Desktop" in engine.system:
        return {}
    said = {}
    for name, file in FILES.items():
        with suppress(OSError):  # a container may lack it
            said[name] = Path(file).read_text(encoding="utf-8")
    with suppress(OSError):  # it is in a container, or its data is on another machine after all
        found = os.statvfs(engine.root)
        said["disk"] = f"{found.f_bavail * found.f_frsize}"
        said["inodes"] = f"{found.f_files} {found.f_favail}"
    if shares_network(engine, here):
        said["routes"] = _own_routes()
    with suppress(OSError, struct.error):
        said["capabilities"] = _capabilities(engine.address)
    return said


def _own_routes() -> str:
    """The main table, in the words of ``ip -json``."""
    try:
        text = Path("/proc/net/route").read_text(encoding="utf-8")
    except OSError:
        return ""
    devices = [line.split()[0] for line in text.splitlines()[1:]]
    return json.dumps([{"dst": network, "dev": device} for device, (network, _) in zip(devices, routes(text), strict=True)])


def _capabilities(address: str) -> str:
    """The bounding set of the process at the engine's socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1)
        connection.connect(address.removeprefix("unix://"))
        process = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, _SO_PEERCRED, struct.calcsize("3i")))[0]
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return next(line.split()[1] for line in status.splitlines() if line.startswith("CapBnd:"))
