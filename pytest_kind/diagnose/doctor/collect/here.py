"""What this process sees of its own machine."""

from __future__ import annotations

import errno
import ipaddress
import json
import os
import shutil
import socket
import struct
import sysconfig
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pytest_kind.diagnose.doctor.checks.networks import asked_ports
from pytest_kind.diagnose.doctor.collect import owners
from pytest_kind.diagnose.doctor.facts import Here, Wanted
from pytest_kind.errors import UsageError
from pytest_kind.provision.proxies import client_config, proxy_environment

if TYPE_CHECKING:
    from pytest_kind.provision.survey import Survey

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_VARIABLES = {"DOCKER_HOST", "DOCKER_CONTEXT", *_PROXIES, *map(str.lower, _PROXIES)}
_CONTAINER_FILES = ("/.dockerenv", "/run/.containerenv")
_CONNECT_SECONDS = 0.3
_GATEWAY = 0x2  # RTF_GATEWAY


def see_here(environ: Mapping[str, str], wanted: Wanted, engine: Survey | None) -> Here:
    """Everything of this machine but the cache folder."""
    context, origin, contexts = _contexts(environ)
    problem, dead = _proxies(environ, wanted, engine)
    return Here(
        now=time.time(),
        root=os.geteuid() == 0,
        environ={name: value for name, value in environ.items() if name in _VARIABLES},
        kernel=os.uname().release,
        container=any(Path(file).exists() for file in _CONTAINER_FILES),
        context=context,
        context_origin=origin,
        contexts=contexts,
        client_problem=problem,
        tools=_tools(),
        subnets=_subnets(),
        listening=_listening(wanted) if engine is None or engine.local else {},
        dead_proxies=dead,
    )


def context_address(environ: Mapping[str, str]) -> tuple[str, str] | None:
    """The address that the chosen context of docker names, and what chose it."""
    chosen, origin, _ = _contexts(environ)
    for file in _meta(environ):
        found = _mapping(file)
        if chosen is not None and found.get("Name") == chosen:
            host = ((found.get("Endpoints") or {}).get("docker") or {}).get("Host")
            return (str(host), f"context {chosen!r}, {origin}") if host else None
    return None


def _folder(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("DOCKER_CONFIG") or Path.home() / ".docker")


def _meta(environ: Mapping[str, str]) -> list[Path]:
    return sorted(_folder(environ).glob("contexts/meta/*/meta.json"))


def _contexts(environ: Mapping[str, str]) -> tuple[str | None, str, tuple[str, ...]]:
    """The context of docker that is chosen, what chose it, and those that there are."""
    folder = _folder(environ)
    names = [_mapping(file).get("Name") for file in _meta(environ)]
    there = tuple(str(name) for name in names if name)
    if environ.get("DOCKER_CONTEXT"):
        return environ["DOCKER_CONTEXT"], "DOCKER_CONTEXT", there
    chosen = _mapping(folder / "config.json").get("currentContext")
    return (str(chosen), f"currentContext in {folder / 'config.json'}", there) if chosen else (None, "", there)


def _mapping(file: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # what is wrong with it, the check of proxies says
    return found if isinstance(found, dict) else {}


def _proxies(environ: Mapping[str, str], wanted: Wanted, engine: Survey | None) -> tuple[str | None, dict[str, str]]:
    """Why a proxy or the docker client's configuration cannot be used, and the proxies that nodes would not reach."""
    there = engine.networks.get(wanted.network) if engine is not None else None
    gateway = there.gateways[0] if engine is not None and engine.local and there is not None and there.gateways else None
    address = engine.address if engine is not None else ""
    try:
        config = client_config(environ)
        # With any address of this machine, and with none: what is in the first alone is a proxy on loopback.
        named = proxy_environment(environ, config, no_proxy=(), host=gateway or "gateway", engine=address)
        direct = proxy_environment(environ, config, no_proxy=(), host=None, engine=address)
    except UsageError as error:
        return str(error), {}
    if engine is None:
        return None, {}
    dead = {}
    for url in dict.fromkeys(named[name] for name in ("HTTP_PROXY", "HTTPS_PROXY") if name in named and name not in direct):
        parts = urlsplit(url if "://" in url else f"//{url}")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        if gateway is None:
            dead[f"port {port} of this machine"] = f"the engine at {engine.address} is on another machine"
        elif (why := _refused(gateway, port)) is not None:
            dead[f"{gateway}:{port}"] = why
    return None, dead


def _refused(address: str, port: int) -> str | None:
    try:
        socket.create_connection((address, port), _CONNECT_SECONDS).close()
    except OSError as error:
        return error.strerror or str(error)
    return None


def _tools() -> dict[str, str | None]:
    """What a build of a node image needs, where nothing can be pulled."""
    beside = Path(sysconfig.get_path("scripts")) / "go"
    bootstrap = shutil.which("debootstrap")
    return {
        "go": shutil.which("go") or (str(beside) if beside.exists() else None),
        "cc": shutil.which("cc"),
        "debootstrap (as root)": bootstrap if os.geteuid() == 0 else None,
    }


def _subnets() -> tuple[str, ...]:
    """The networks that this process is on itself (IPv4)."""
    return tuple(network for network, gateway in routes(_read("/proc/net/route")) if not gateway)


def routes(text: str) -> list[tuple[str, bool]]:
    """Of the kernel's table of routes (``/proc/net/route``): each network, and whether it lies behind a gateway."""
    found = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        destination, mask = (socket.inet_ntoa(struct.pack("<L", int(fields[index], 16))) for index in (1, 7))
        found.append((str(ipaddress.ip_network(f"{destination}/{mask}")), bool(int(fields[3], 16) & _GATEWAY)))
    return found


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""  # not Linux


def _listening(wanted: Wanted) -> dict[tuple[str, str, int], str]:
    """Of the ports that the configuration asks for, those that cannot be had, and why."""
    found = {}
    for protocol, address, port, _ in asked_ports(wanted.config):
        why = _taken(protocol, address, port)
        if why is not None:
            found[protocol, address, port] = why
    return found


def _taken(protocol: str, address: str, port: int) -> str | None:
    kinds = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
    if protocol not in kinds:
        return None
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kinds[protocol]) as probe:
        if protocol == "tcp":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the engine does: a connection that ended holds no port
        try:
            probe.bind((address, port))
        except OSError as error:
            if error.errno in {errno.EACCES, errno.EAFNOSUPPORT}:
                return None  # a low port, which the engine may have; a family that the engine's machine may have
            holder = owners.of_port(protocol, port) if error.errno == errno.EADDRINUSE else ""
            return f"{(error.strerror or str(error)).lower()}{holder and ' by ' + holder}"
    return None
