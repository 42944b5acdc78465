"""What the engine says of itself, for the doctor."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pytest_kind.provision.docker_engine.calls import Calls, ours
from pytest_kind.provision.provider import Network
from pytest_kind.provision.survey import Published, Survey

# What the engine's own answer calls the resources that a kubelet bounds.
_BOUNDS = {"memory": "MemoryLimit", "cpu": "CpuCfsQuota", "cpuset": "CPUSet", "pids": "PidsLimit"}
_PROXIES = {"HTTP_PROXY": "HttpProxy", "HTTPS_PROXY": "HttpsProxy", "NO_PROXY": "NoProxy"}
_OPEN = re.compile(r"API is accessible on (\S+) without encryption")


class Surveys(Calls):
    """See :class:`~pytest_kind.provision.provider.Provider`."""

    def survey(self) -> Survey:
        with ours("asking the engine what it is and what it has"):
            begin = time.time()
            info = self._api.info()
            end = time.time()
            version = self._api.version()
            networks = self._api.networks()
            containers = self._api.containers()
            images = self._api.images(all=True)
        product = _product(version)
        security: list[str] = info.get("SecurityOptions") or []
        return Survey(
            name=f"{product} {info.get('ServerVersion', '?')}",
            product=product,
            version=str(info.get("ServerVersion", "")),
            api=str(version.get("ApiVersion", "")),
            address=self._endpoint,
            local=self._local,
            system=info.get("OperatingSystem", ""),
            kernel=info.get("KernelVersion", ""),
            rootless=_has(security, "rootless"),
            userns=_has(security, "userns"),
            selinux=_has(security, "selinux"),
            cgroup_version=int(info.get("CgroupVersion") or 1),
            lacks=tuple(name for name, key in _BOUNDS.items() if info.get(key) is False),
            storage_driver=info.get("Driver", "unknown"),
            image_store="containerd" if ["driver-type", "io.containerd.snapshotter.v1"] in (info.get("DriverStatus") or ()) else "docker",
            cpus=info.get("NCPU", 0),
            memory=info.get("MemTotal", 0),
            root=info.get("DockerRootDir", ""),
            ahead=_ahead(info.get("SystemTime", ""), begin, end),
            proxies={name: info[key] for name, key in _PROXIES.items() if info.get(key)},
            open_to=tuple(found[1] for line in info.get("Warnings") or () if (found := _OPEN.search(line))),
            forwards=info.get("IPv4Forwarding") is not False,
            networks={one["Name"]: _network(one) for one in networks},
            published=tuple(dict.fromkeys(port for one in containers for port in _published(one))),
            image_bytes={one["Id"]: int(one.get("Size") or 0) for one in images},
        )


def _product(version: Mapping[str, Any]) -> str:
    names = [str(one.get("Name", "")) for one in version.get("Components") or ()]
    return "Podman" if any("podman" in name.lower() for name in names) else "Docker"


def _has(security: list[str], what: str) -> bool:
    return any(f"name={what}" in option for option in security)


def _ahead(said: str, begin: float, end: float) -> float:
    """Seconds by which the engine's clock is ahead; what the call itself took is nobody's fault."""
    try:
        # Python reads six digits of a second, the engine writes nine.
        there = datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", said)).timestamp()
    except ValueError:
        return 0.0
    return 0.0 if begin <= there <= end else min(there - begin, there - end, key=abs)


def _network(said: Mapping[str, Any]) -> Network:
    blocks = (said.get("IPAM") or {}).get("Config") or ()
    return Network(
        subnets=tuple(one["Subnet"] for one in blocks if one.get("Subnet")),
        gateways=tuple(one["Gateway"].split("/")[0] for one in blocks if one.get("Gateway")),
    )


def _published(said: Mapping[str, Any]) -> list[Published]:
    name = said["Names"][0].lstrip("/") if said.get("Names") else said["Id"][:12]
    return [
        Published(port=one["PublicPort"], protocol=one.get("Type", "tcp"), address=one.get("IP", ""), container=name)
        for one in said.get("Ports") or ()
        if one.get("PublicPort")
    ]
