"""The Docker engine: the only module that imports ``docker``."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import urlsplit

import docker
import docker.errors
import requests.exceptions
from docker.types import Mount
from docker.utils import parse_repository_tag

from pytest_kind import errors
from pytest_kind.provision.provider import Container, ContainerSpec, EngineInfo, Image, Result, Volume

_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}

_PATIENT_SECONDS = 1800
HELP = "start an engine, or name one that runs (DOCKER_HOST, `docker context use`)"


@contextlib.contextmanager
def _ours(doing: str) -> Iterator[None]:
    """Turns whatever docker-py raises into an error of ours that says what was being done."""
    try:
        yield
    except docker.errors.NotFound as error:
        raise errors.NotFound(f"{doing}: {_said(error)}") from error
    except docker.errors.APIError as error:
        said = _said(error)
        if "no space left on device" in said.lower():
            raise errors.EngineError(f"{doing}: the engine's disk is full ({said}); make room (`docker system df` shows what takes it)") from error
        if "port is already allocated" in said or "address already in use" in said or error.status_code == requests.codes.conflict:
            raise errors.Conflict(f"{doing}: {said}") from error
        raise errors.EngineError(f"{doing}: {said}") from error
    except (docker.errors.DockerException, requests.exceptions.RequestException, OSError) as error:
        raise errors.EngineError(f"{doing}: the engine's connection failed: {error}") from error


def _said(error: docker.errors.APIError) -> str:
    return str(error.explanation or error)


def _filters(labels: Mapping[str, str | None]) -> dict[str, list[str]]:
    return {"label": [key if value is None else f"{key}={value}" for key, value in labels.items()]}


def connect(seconds: float = 60.0) -> DockerEngine:
    """The engine that docker's own environment and contexts name.

    Args:
        seconds: how long one call may go without a byte of an answer.

    Raises:
        EngineUnavailable: none answers, or this user may not speak to it.
    """
    try:
        client = docker.from_env(timeout=int(seconds), version="auto")
    except (docker.errors.DockerException, requests.exceptions.RequestException, OSError, ValueError) as error:
        raise errors.EngineUnavailable(_why_unavailable(error)) from error
    return DockerEngine(client.api)


def _why_unavailable(error: BaseException) -> str:
    where = os.environ.get("DOCKER_HOST") or "docker's default address (no DOCKER_HOST set)"
    text = str(error)
    if "PermissionError" in text or "Permission denied" in text:
        return f"no permission to use the engine at {where}: {text}; join its group (`docker` on most systems) or name another with DOCKER_HOST"
    return f"no container engine answers at {where}: {text}; {HELP}"


class DockerEngine:
    """See :class:`~pytest_kind.provision.provider.Provider`."""

    def __init__(self, api: docker.APIClient) -> None:
        self._api: Any = api  # its stubs know half of the low-level calls

    def close(self) -> None:
        self._api.close()

    def info(self) -> EngineInfo:
        with _ours("asking the engine what it is"):
            said = self._api.info()
        address = self._api.base_url
        over_ssh = address == "http+docker://ssh"
        local = not over_ssh and (address.startswith("http+docker") or urlsplit(address).hostname in {"localhost", "127.0.0.1", "::1"})
        return EngineInfo(
            name=f"Docker {said.get('ServerVersion', '?')}",
            architecture=_ARCHITECTURES.get(said.get("Architecture", ""), said.get("Architecture", "unknown")),
            cgroup_version=int(said.get("CgroupVersion") or 1),
            storage_driver=said.get("Driver", "unknown"),
            cpus=said.get("NCPU", 0),
            memory=said.get("MemTotal", 0),
            rootless=any("rootless" in option for option in said.get("SecurityOptions") or ()),
            address=os.environ.get("DOCKER_HOST") or address,
            local=local,
            kernel_modules=not local or Path("/lib/modules").is_dir(),
        )

    @contextlib.contextmanager
    def _patiently(self) -> Iterator[None]:
        """For calls that are silent while gigabytes are written."""
        usual, self._api.timeout = self._api.timeout, _PATIENT_SECONDS
        try:
            yield
        finally:
            self._api.timeout = usual

    # Images

    def image(self, reference: str) -> Image | None:
        try:
            with _ours(f"looking for image {reference}"):
                found = self._api.inspect_image(reference)
        except errors.NotFound:
            return None
        config = found.get("Config") or {}
        return Image(
            id=found["Id"],
            tags=tuple(found.get("RepoTags") or ()),
            labels=config.get("Labels") or {},
            architecture=found.get("Architecture", ""),
            entrypoint=tuple(config.get("Entrypoint") or ()),
        )

    def images(self, labels: Mapping[str, str | None]) -> list[Image]:
        with _ours("listing images"):
            found = self._api.images(filters=_filters(labels))
        return [Image(id=one["Id"], tags=tuple(one.get("RepoTags") or ()), labels=one.get("Labels") or {}, architecture="") for one in found]

    def pull(self, reference: str, seconds: float) -> None:
        repository, tag = parse_repository_tag(reference)
        separate = docker.from_env(timeout=int(seconds), version=self._api.api_version).api
        try:
            for line in cast("Any", separate).pull(repository, tag=tag or "latest", stream=True, decode=True):
                if "error" in line:
                    raise errors.NotFound(f"pulling {reference}: {line['error']}")
        except docker.errors.APIError as error:
            raise errors.NotFound(f"pulling {reference}: {_said(error)}") from error
        except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
            raise errors.NotFound(f"pulling {reference}: {error}") from error
        finally:
            separate.close()

    def import_image(self, archive: IO[bytes], reference: str, labels: Mapping[str, str]) -> None:
        repository, tag = parse_repository_tag(reference)
        changes = [f'LABEL "{key}"="{value}"' for key, value in labels.items()]
        with _ours(f"importing image {reference}"):
            # Its `import_image_from_stream` says chunked and sends the file plain, which the engine refuses.
            self._api.import_image_from_data(archive, repository=repository, tag=tag, changes=changes)

    def commit(
        self, container: str, reference: str, *, labels: Mapping[str, str], entrypoint: Sequence[str], environment: Mapping[str, str]
    ) -> Image:
        repository, tag = parse_repository_tag(reference)
        # The engine merges the container's labels into the image's, from where they would get onto whatever anybody makes
        # of it: who built it is nobody's business, and a label that says "ours" must not be inherited. They can't be
        # taken away, only emptied.
        own = found.labels if (found := self.container(container)) else {}
        conf = {
            "Labels": {**dict.fromkeys(own, ""), **labels},
            "Entrypoint": list(entrypoint),
            "Cmd": None,
            "Env": [f"{key}={value}" for key, value in environment.items()],
            "StopSignal": "SIGRTMIN+3",
            "Hostname": "",
        }
        with _ours(f"committing image {reference}"), self._patiently():
            made = self._api.commit(container, repository=repository, tag=tag, conf=conf)
        image = self.image(made["Id"])
        if image is None:
            raise errors.EngineError(f"committing image {reference}: the engine has no {made['Id']}")
        return image

    def save_image(self, reference: str) -> Iterable[bytes]:
        with _ours(f"saving image {reference}"), self._patiently():
            yield from self._api.get_image(reference)

    def remove_image(self, reference: str) -> None:
        with contextlib.suppress(errors.NotFound), _ours(f"removing image {reference}"):
            self._api.remove_image(reference, force=False)

    # Containers

    def create(self, spec: ContainerSpec) -> str:
        mounts = [
            Mount(target=bind.target, source=bind.source, type="bind", read_only=bind.read_only, propagation=bind.propagation) for bind in spec.binds
        ]
        if spec.volume is not None:
            # Without a source it is anonymous to the engine: `docker rm -v`, ours and the real kind's, takes it along.
            mounts.append(Mount(target=spec.volume, source=None, type="volume", labels=dict(spec.labels)))
        bindings: dict[str, list[tuple[str, int | None]]] = {}
        for port in spec.ports:
            bindings.setdefault(f"{port.container}/{port.protocol}", []).append((port.address, port.host or None))
        host = self._api.create_host_config(
            privileged=True,
            security_opt=["seccomp=unconfined", "apparmor=unconfined"],
            cgroupns="private",
            tmpfs=dict(spec.tmpfs),
            mounts=mounts,
            network_mode=spec.network,
            port_bindings=bindings,
            restart_policy={"Name": "on-failure", "MaximumRetryCount": 1} if spec.restart_once else {"Name": "no"},
            init=False,
        )
        with _ours(f"creating container {spec.name}"):
            made = self._api.create_container(
                image=spec.image,
                name=spec.name,
                hostname=spec.name if len(spec.name) <= 63 else None,  # noqa: PLR2004 - a host name's length
                labels=dict(spec.labels),
                environment=dict(spec.environment),
                ports=[(port.container, port.protocol) for port in spec.ports],
                entrypoint=None if spec.entrypoint is None else list(spec.entrypoint),
                command=list(spec.command) or None,
                tty=spec.tty,
                host_config=host,
                use_config_proxy=False,  # a proxy that knows nothing of the cluster's own addresses would stop its boot
            )
        return str(made["Id"])

    def put(self, container: str, path: str, archive: IO[bytes] | bytes | Iterable[bytes]) -> None:
        with _ours(f"putting files into {container[:12]}:{path}"):
            self._api.put_archive(container, path, archive)

    @contextlib.contextmanager
    def get(self, container: str, path: str) -> Iterator[IO[bytes]]:
        with _ours(f"getting {path} from {container[:12]}"), tempfile.TemporaryFile() as spool:
            for chunk in self._api.get_archive(container, path)[0]:
                spool.write(chunk)
            spool.seek(0)
            yield spool

    def start(self, container: str) -> None:
        with _ours(f"starting container {container[:12]}"):
            self._api.start(container)

    def stop(self, container: str, seconds: int) -> None:
        with _ours(f"stopping container {container[:12]}"):
            self._api.stop(container, timeout=seconds)

    def remove(self, container: str) -> None:
        # A conflict is the engine's word for "somebody is removing it already".
        with contextlib.suppress(errors.NotFound, errors.Conflict), _ours(f"removing container {container[:12]}"):
            self._api.remove_container(container, v=True, force=True)

    def exec(self, container: str, argv: Sequence[str], *, seconds: float = 60.0, environment: Mapping[str, str] | None = None) -> Result:
        bounded = ["timeout", "--kill-after=2", f"{seconds:.3f}", *argv]
        with _ours(f"running `{' '.join(argv)}` on {container[:12]}"):
            made = self._api.exec_create(container, bounded, environment=dict(environment or {}))["Id"]
            out, error = self._api.exec_start(made, demux=True)  # as a stream it would leave its socket open
            code = self._api.exec_inspect(made)["ExitCode"]
        stdout, stderr = ((part or b"").decode(errors="replace") for part in (out, error))
        return Result(code if code is not None else -1, stdout, stdout + stderr)

    def logs(self, container: str, lines: int) -> str:
        with _ours(f"reading the console of {container[:12]}"):
            return cast("bytes", self._api.logs(container, tail=lines)).decode(errors="replace")

    def inspect(self, container: str) -> Mapping[str, object]:
        with _ours(f"inspecting {container[:12]}"):
            return cast("Mapping[str, object]", self._api.inspect_container(container))

    def container(self, reference: str) -> Container | None:
        try:
            with _ours(f"looking for container {reference}"):
                found = self._api.inspect_container(reference)
        except errors.NotFound:
            return None
        return Container(
            id=found["Id"],
            name=found["Name"].lstrip("/"),
            image=found["Image"],
            labels=found["Config"].get("Labels") or {},
            state=found["State"]["Status"],
            volumes=tuple(mount["Name"] for mount in found.get("Mounts", ()) if mount.get("Type") == "volume"),
        )

    def containers(self, labels: Mapping[str, str | None]) -> list[Container]:
        with _ours("listing containers"):
            found = self._api.containers(all=True, filters=_filters(labels))
        return [
            Container(
                id=one["Id"],
                name=one["Names"][0].lstrip("/") if one.get("Names") else one["Id"][:12],
                image=one["ImageID"],
                labels=one.get("Labels") or {},
                state=one["State"],
                volumes=tuple(mount["Name"] for mount in one.get("Mounts", ()) if mount.get("Type") == "volume"),
            )
            for one in found
        ]

    def volumes(self, labels: Mapping[str, str | None]) -> list[Volume]:
        with _ours("listing volumes"):
            found = self._api.volumes(filters=_filters(labels))
        return [Volume(name=one["Name"], labels=one.get("Labels") or {}) for one in found.get("Volumes") or ()]

    def remove_volume(self, name: str) -> None:
        with contextlib.suppress(errors.NotFound, errors.Conflict), _ours(f"removing volume {name}"):
            self._api.remove_volume(name)

    def published_port(self, container: str, port: int) -> tuple[str, int]:
        with _ours(f"asking for the published port of {container[:12]}"):
            found = self._api.port(container, port)
        if not found:
            raise errors.EngineError(f"container {container[:12]} publishes no port for {port}")
        address, host_port = found[0]["HostIp"], int(found[0]["HostPort"])
        if not self.info().local:  # `tcp://` engines publish on their own machine
            address = urlsplit(os.environ.get("DOCKER_HOST", "")).hostname or address
        return address, host_port
