"""Why no engine answers, or why what it publishes is not reached."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from pytest_kind.diagnose.doctor.facts import Facts, shares_network
from pytest_kind.diagnose.doctor.finding import Finding, Rule, Severity

_NO_CLUSTER = "nodes are containers: without an engine there is no cluster"
SOCKET = Rule(
    id="engine-socket",
    severity=Severity.ERROR,
    what="the engine's socket is not there",
    why=_NO_CLUSTER,
    remedy="start an engine (`sudo systemctl start docker`; in a checkout of this project on Debian `scripts/engine`), or name one with DOCKER_HOST",
)
PERMISSION = Rule(
    id="engine-permission",
    severity=Severity.ERROR,
    what="this user may not use the engine's socket",
    why=_NO_CLUSTER,
    remedy="`sudo usermod -aG docker $USER`, then log in anew; who is in that group is root on the engine's machine",
)
REFUSED = Rule(
    id="engine-refused",
    severity=Severity.ERROR,
    what="nobody listens at the engine's address",
    why=_NO_CLUSTER,
    remedy="start the engine (`sudo systemctl start docker`), or correct DOCKER_HOST",
)
ADDRESS = Rule(
    id="engine-address",
    severity=Severity.ERROR,
    what="the engine's address cannot be used: no such form, no such host, or a package for it is missing",
    why=_NO_CLUSTER,
    remedy="correct DOCKER_HOST; accepted are unix:///path, tcp://host:port, and ssh://user@host with `pip install 'docker[ssh]'`",
)
TLS = Rule(
    id="engine-tls",
    severity=Severity.ERROR,
    what="TLS between this machine and the engine does not come about",
    why=_NO_CLUSTER,
    remedy="DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH with ca.pem, cert.pem and key.pem for an engine with TLS; unset both for one without",
)
SILENT = Rule(
    id="engine-silent",
    severity=Severity.ERROR,
    what="something is at the engine's address, and no engine's answer comes",
    why=_NO_CLUSTER,
    remedy="look at what listens there and at the engine's own log (`journalctl -u docker`)",
)
CONTEXT = Rule(
    id="engine-context",
    severity=Severity.WARNING,
    what="the context of docker that is chosen does not exist",
    why="the docker command refuses it, this plugin's library takes the default engine instead: the two are not at the same engine",
    remedy="`docker context ls` shows those that are there; `docker context use default`, or unset DOCKER_CONTEXT",
)
IGNORED = Rule(
    id="engine-context-ignored",
    severity=Severity.NOTE,
    what="DOCKER_HOST is set, and a context is chosen as well",
    why="DOCKER_HOST wins: the context's engine is not the one that is used",
    remedy="unset DOCKER_HOST to use the context",
)
REMOTE = Rule(
    id="engine-remote",
    severity=Severity.ERROR,
    what="the engine is on another machine, and the API server's address is a loopback one",
    why="the API would be published on the loopback of that machine, which is not reached from here",
    remedy="set networking.apiServerAddress (--config) to an address of that machine",
    early=True,
)
FOREIGN_PATHS = Rule(
    id="engine-paths",
    severity=Severity.WARNING,
    what="the engine is on another machine, and the configuration mounts folders",
    why="a mount's hostPath is a folder of the engine's machine: one of this machine is not there, and an empty one is made",
    remedy="put what is mounted onto the engine's machine, or load it into the nodes another way (images, manifests)",
    early=True,
)
ELSEWHERE = Rule(
    id="engine-elsewhere",
    severity=Severity.WARNING,
    what="this process is in a container, and not in the network of the engine's machine",
    why="the API is published on the loopback of the engine's machine, which this container does not reach",
    remedy="run this container with `--network host`, or the engine in it",
    early=True,
)
RULES = (SOCKET, PERMISSION, REFUSED, ADDRESS, TLS, SILENT, CONTEXT, IGNORED, REMOTE, FOREIGN_PATHS, ELSEWHERE)

_OF_STATE = {
    "missing": SOCKET,
    "forbidden": PERMISSION,
    "refused": REFUSED,
    "unusable": ADDRESS,
    "unknown-host": ADDRESS,
    "tls": TLS,
    "silent": SILENT,
}


def reaching(facts: Facts) -> Iterator[Finding]:
    """No engine, or one that is not where it seems."""
    here, engine = facts.here, facts.engine
    if facts.unreachable is not None:
        there = facts.unreachable
        yield _OF_STATE[there.state].found(f"{there.address} ({there.origin}): {there.said}")
    if here.context is not None and here.context not in {"default", *here.contexts}:
        there_are = ", ".join(["default", *here.contexts])
        yield CONTEXT.found(f"{here.context_origin} names {here.context!r}; there are {there_are}")
    elif here.context not in {None, "default"} and here.environ.get("DOCKER_HOST"):
        yield IGNORED.found(f"DOCKER_HOST={here.environ['DOCKER_HOST']} beside the context {here.context!r} ({here.context_origin})")
    if engine is None:
        return
    config = facts.wanted.config
    address = config.networking.api_server_address
    if not engine.local:
        if ipaddress.ip_address(address).is_loopback:
            yield REMOTE.found(f"the engine is at {engine.address}, networking.apiServerAddress is {address}")
        mounts = [mount.host_path for node in config.nodes for mount in node.extra_mounts]
        if mounts:
            yield FOREIGN_PATHS.found(f"the engine is at {engine.address}, extraMounts has {', '.join(mounts)}")
    elif here.container and not shares_network(engine, here):
        yield ELSEWHERE.found(f"the engine's network {', '.join(engine.networks['bridge'].subnets)} is none of this container's")
