"""The Docker engine: the only folder that imports ``docker``."""

from __future__ import annotations

import os
from pathlib import Path

import docker
import docker.constants
import docker.errors
import requests.exceptions

from pytest_kind import errors
from pytest_kind.provision.docker_engine.calls import DEFAULT, endpoint, ours
from pytest_kind.provision.docker_engine.containers import Containers
from pytest_kind.provision.docker_engine.images import Images
from pytest_kind.provision.docker_engine.networks import Networks
from pytest_kind.provision.docker_engine.surveys import Surveys
from pytest_kind.provision.provider import EngineInfo

_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
HELP = "start an engine, or name one that runs (DOCKER_HOST, `docker context use`)"


def connect(seconds: float = 60.0) -> DockerEngine:
    """The engine that docker's own environment and contexts name.

    Args:
        seconds: how long one call may go without a byte of an answer.

    Raises:
        EngineUnavailable: none answers, or this user may not speak to it.
    """
    try:
        client = docker.from_env(timeout=int(seconds), version=_version(seconds))
    except (docker.errors.DockerException, requests.exceptions.RequestException, OSError, ValueError) as error:
        raise errors.EngineUnavailable(_why_unavailable(error)) from error
    return DockerEngine(client.api)


def _version(seconds: float) -> str:
    """The version of its API that the engine speaks: what docker's "auto" finds as well, of an answer that has the engine ask nobody else."""
    client = docker.from_env(timeout=int(seconds), version=docker.constants.DEFAULT_DOCKER_API_VERSION)
    try:
        return client.api.get(f"{client.api.base_url}/_ping", timeout=seconds).headers.get("Api-Version") or "auto"
    finally:
        client.close()


def _why_unavailable(error: BaseException) -> str:
    named = endpoint()
    where = named if named != DEFAULT or os.environ.get("DOCKER_HOST") else "docker's default address (no DOCKER_HOST set)"
    text = str(error)
    if "PermissionError" in text or "Permission denied" in text:
        return f"no permission to use the engine at {where}: {text}; join its group (`docker` on most systems) or name another with DOCKER_HOST"
    return f"no container engine answers at {where}: {text}; {HELP}"


class DockerEngine(Containers, Images, Networks, Surveys):
    """See :class:`~pytest_kind.provision.provider.Provider`."""

    _info: EngineInfo | None = None  # the engine counts all that it has for it

    def close(self) -> None:
        self._api.close()

    def info(self) -> EngineInfo:
        if self._info is None:
            self._info = self._asked()
        return self._info

    def _asked(self) -> EngineInfo:
        with ours("asking the engine what it is"):
            said = self._api.info()
        return EngineInfo(
            name=f"Docker {said.get('ServerVersion', '?')}",
            architecture=_ARCHITECTURES.get(said.get("Architecture", ""), said.get("Architecture", "unknown")),
            cgroup_version=int(said.get("CgroupVersion") or 1),
            storage_driver=said.get("Driver", "unknown"),
            cpus=said.get("NCPU", 0),
            memory=said.get("MemTotal", 0),
            rootless=any("rootless" in option for option in said.get("SecurityOptions") or ()),
            address=self._endpoint,
            local=self._local,
            kernel_modules=not self._local or Path("/lib/modules").is_dir(),
        )
