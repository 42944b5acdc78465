"""The proxies that nodes use: pure, but for the reading of the docker client's configuration.

As kind does (its ``pkg/cluster/internal/providers/common/proxy.go`` and ``docker/provision.go``), with a loopback proxy made
reachable. A URL may have a password in it: it is in the result and in no message.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit, urlunsplit

from pytest_kind.errors import UsageError

if TYPE_CHECKING:
    from pytest_kind.config.types import ClusterConfig

# The variable -> its key in the docker client's configuration.
_KEYS = {"HTTP_PROXY": "httpProxy", "HTTPS_PROXY": "httpsProxy", "NO_PROXY": "noProxy"}
_LOOPBACK = ("localhost", "127.0.0.0/8", "::1")
# Names of Services, whole and shortened.
_CLUSTER_DOMAINS = (".svc", ".svc.cluster", ".svc.cluster.local")
# The constant addresses of nodes (docs/architecture.md).
_NODE_ADDRESSES = ("198.19.255.0/24", "fd00:198:19:255::/64")


def proxy_environment(
    environ: Mapping[str, str], engine_config: Mapping[str, Any], *, no_proxy: Iterable[str], host: str | None = None, engine: str = ""
) -> dict[str, str]:
    """The variables that a node's container gets: HTTP_PROXY, HTTPS_PROXY and NO_PROXY, in both cases. Empty without a proxy.

    Each comes from the environment (capitals first, as kind), else from the docker client's configuration.

    Args:
        environ: of this process.
        engine_config: the docker client's configuration: see :func:`client_config`.
        no_proxy: what is added to the user's own NO_PROXY: see :func:`direct`.
        host: the address under which nodes reach the engine's machine. A proxy on loopback is reached there; where it is
            None (the engine is on another machine), nodes cannot reach such a proxy and get none.
        engine: the engine's address, for which the docker client's configuration may have proxies of its own.

    Raises:
        UsageError: a proxy that is no URL.
    """
    proxies = engine_config.get("proxies") or {}
    configured = proxies.get(engine) or proxies.get("default") or {}
    values = {name: environ.get(name) or environ.get(name.lower()) or configured.get(key) or "" for name, key in _KEYS.items()}
    reached = {name: _reachable(name, values[name], host) for name in ("HTTP_PROXY", "HTTPS_PROXY") if values[name]}
    found = {name: value for name, value in reached.items() if value}
    if not found:
        return {}
    own = [part.strip() for part in values["NO_PROXY"].split(",") if part.strip()]
    found["NO_PROXY"] = ",".join(dict.fromkeys([*own, *no_proxy]))
    return found | {name.lower(): value for name, value in found.items()}


def has_credentials(environment: Mapping[str, str]) -> bool:
    """Whether a proxy's URL among a node's variables says as whom to use it."""
    return any("@" in _split(value).netloc for name, value in environment.items() if name.upper() in {"HTTP_PROXY", "HTTPS_PROXY"})


def direct(config: ClusterConfig, *, nodes: Iterable[str], networks: Iterable[str]) -> tuple[str, ...]:
    """What of a cluster must not be asked through a proxy.

    Args:
        nodes: the names of its nodes and of its load balancer.
        networks: the subnets of the engine's network.
    """
    networking = config.networking
    return (
        *_LOOPBACK,
        *networking.service_subnets,
        *networking.pod_subnets,
        *networks,
        *_NODE_ADDRESSES,
        *nodes,
        *_CLUSTER_DOMAINS,
    )


def client_config(environ: Mapping[str, str]) -> dict[str, Any]:
    """The docker client's configuration; empty where there is none.

    Raises:
        UsageError: it is there and cannot be read, or its ``proxies`` are no mappings of texts.
    """
    file = Path(environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UsageError(f"{file}: cannot be read for its `proxies`: {error}") from error
    proxies = found.get("proxies", {}) if isinstance(found, dict) else None
    if not isinstance(proxies, dict) or not all(
        isinstance(one, dict) and all(isinstance(one.get(key, ""), str) for key in _KEYS.values()) for one in proxies.values()
    ):
        raise UsageError(f"{file}: `proxies` must be a mapping such as {{'default': {{'httpProxy': 'http://proxy.example:3128'}}}}")
    return {"proxies": proxies}


def _reachable(name: str, value: str, host: str | None) -> str | None:
    """The proxy as nodes reach it."""
    try:
        url = _split(value)
        own = url.hostname or ""
        port = url.port
    except ValueError:
        raise UsageError(f"{name}: is no URL such as http://proxy.example:3128 (its value is not shown, it may have a password in it)") from None
    if not _is_loopback(own):
        return value
    if host is None:
        return None
    user, at, _ = url.netloc.rpartition("@")
    address = f"[{host}]" if ":" in host else host
    changed = urlunsplit(url._replace(netloc=f"{user}{at}{address}" + ("" if port is None else f":{port}")))
    return changed if "://" in value else changed.removeprefix("//")


def _split(proxy: str) -> SplitResult:
    return urlsplit(proxy if "://" in proxy else f"//{proxy}")


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified  # 0.0.0.0 is this machine to whoever connects to it
