"""The engine's containers and volumes."""

from __future__ import annotations

import contextlib
import itertools
import secrets
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import IO, Any, cast
from urllib.parse import urlsplit

from docker.types import Mount

from pytest_kind import errors
from pytest_kind.provision.docker_engine.calls import Calls, filters, ours
from pytest_kind.provision.docker_engine.streams import Attached, heard, talk
from pytest_kind.provision.provider import Container, ContainerSpec, Result, Usage, Volume
from pytest_kind.waiting import Deadline, NotYet, wait_for

_EXIT_SECONDS = 10.0
_PIECE = 1 << 20  # bytes


class Containers(Calls):
    """See :class:`~pytest_kind.provision.provider.Provider`."""

    def create(self, spec: ContainerSpec) -> str:
        mounts = [
            Mount(target=bind.target, source=bind.source, type="bind", read_only=bind.read_only, propagation=bind.propagation)
            for bind in spec.binds
            if not bind.relabel
        ]
        for mount in mounts:  # a folder that is not there is made, as with kind's `--volume` (engines since API 1.42)
            mount.setdefault("BindOptions", {})["CreateMountpoint"] = True
        if spec.volume is not None:
            # Without a source it is anonymous to the engine: `docker rm -v`, ours and the real kind's, takes it along.
            mounts.append(Mount(target=spec.volume, source=None, type="volume", labels=dict(spec.labels)))
        mounts.extend(Mount(target=target, source=name, type="volume", no_copy=True) for name, target in spec.named_volumes.items())
        bindings: dict[str, list[tuple[str, int | None]]] = {}
        for port in spec.ports:
            bindings.setdefault(f"{port.container}/{port.protocol}", []).append((port.address, port.host or None))
        host = self._api.create_host_config(
            privileged=True,
            security_opt=["seccomp=unconfined", "apparmor=unconfined"],
            cgroupns="private",
            tmpfs=dict(spec.tmpfs),
            mounts=mounts,
            # The other form has no word for SELinux; this one makes a folder where there is none.
            binds=[f"{bind.source}:{bind.target}:{'ro' if bind.read_only else 'rw'},Z,{bind.propagation}" for bind in spec.binds if bind.relabel],
            network_mode=spec.network,
            port_bindings=bindings,
            restart_policy={"Name": "on-failure", "MaximumRetryCount": 1} if spec.restart_once else {"Name": "no"},
            init=False,
            nano_cpus=None if spec.cpus is None else round(spec.cpus * 1e9),
            mem_limit=spec.memory,
            # No swap beyond it: a node that swaps is no smaller machine but a slower one.
            memswap_limit=spec.memory,
        )
        with ours(f"creating container {spec.name}"):
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
                mac_address=spec.mac,
                stop_signal=spec.stop_signal,
                host_config=host,
                use_config_proxy=False,  # a proxy that knows nothing of the cluster's own addresses would stop its boot
            )
        return str(made["Id"])

    def put(self, container: str, path: str, archive: IO[bytes] | bytes | Iterable[bytes]) -> None:
        with ours(f"putting files into {container[:12]}:{path}"):
            self._api.put_archive(container, path, archive)

    @contextlib.contextmanager
    def get(self, container: str, path: str) -> Iterator[IO[bytes]]:
        with ours(f"getting {path} from {container[:12]}"), tempfile.TemporaryFile() as spool:
            for chunk in self._api.get_archive(container, path)[0]:
                spool.write(chunk)
            spool.seek(0)
            yield spool

    def start(self, container: str) -> None:
        with ours(f"starting container {container[:12]}"):
            self._api.start(container)

    def stop(self, container: str, seconds: int) -> None:
        with ours(f"stopping container {container[:12]}"):
            self._api.stop(container, timeout=seconds)

    def kill(self, container: str, signal: str) -> None:
        with ours(f"sending {signal} to container {container[:12]}"):
            self._api.kill(container, signal)

    def pause(self, container: str) -> None:
        with ours(f"pausing container {container[:12]}"):
            self._api.pause(container)

    def unpause(self, container: str) -> None:
        with ours(f"unpausing container {container[:12]}"):
            self._api.unpause(container)

    def remove(self, container: str) -> None:
        # A conflict is the engine's word for "somebody is removing it already".
        with contextlib.suppress(errors.NotFound, errors.Conflict), ours(f"removing container {container[:12]}"):
            self._api.remove_container(container, v=True, force=True)

    def exec(self, container: str, argv: Sequence[str], *, seconds: float = 60.0, environment: Mapping[str, str] | None = None) -> Result:
        bounded = ["timeout", "--kill-after=2", f"{seconds:.3f}", *argv]
        with ours(f"running `{' '.join(argv)}` on {container[:12]}"):
            made = self._api.exec_create(container, bounded, environment=dict(environment or {}))["Id"]
            connection = self._api.exec_start(made, socket=True)
            try:
                stdout, output = heard(connection, seconds)
            finally:
                getattr(connection, "_response", connection).close()
            code = wait_for("its exit code", partial(self._exit_code, made), Deadline(_EXIT_SECONDS), every=0.01)
        return Result(code, stdout.decode(errors="replace"), output.decode(errors="replace"))

    def exec_with_input(self, container: str, argv: Sequence[str], chunks: Iterable[bytes], *, seconds: float = 600.0) -> Result:
        if not self._half_closes:
            return self._exec_with_file(container, argv, chunks, seconds)
        bounded = ["timeout", "--kill-after=2", f"{seconds:.3f}", *argv]
        with ours(f"running `{' '.join(argv)}` on {container[:12]}"):
            made = self._api.exec_create(container, bounded, stdin=True)["Id"]
            connection = self._api.exec_start(made, socket=True)
            try:
                stdout, output = talk(connection, chunks, seconds)
            finally:
                # The answer's close takes the connection along: it is no longer one for HTTP.
                getattr(connection, "_response", connection).close()
            code = wait_for("its exit code", partial(self._exit_code, made), Deadline(_EXIT_SECONDS), every=0.01)
        return Result(code, stdout.decode(errors="replace"), output.decode(errors="replace"))

    def converse(self, container: str, argv: Sequence[str]) -> Attached:
        with ours(f"running `{argv[0]}` on {container[:12]}"):
            made = self._api.exec_create(container, list(argv), stdin=True)["Id"]
            return Attached(self._api.exec_start(made, socket=True))

    @property
    def _half_closes(self) -> bool:
        """Whether one direction of a connection can be closed alone, by which a command learns that its input ended.

        TLS as Python has it cannot, and docker-py's stand-ins for sockets over SSH cannot either.
        """
        return str(self._api.base_url) == "http+docker://localhost" or str(self._api.base_url).startswith("http://")

    def _exec_with_file(self, container: str, argv: Sequence[str], chunks: Iterable[bytes], seconds: float) -> Result:
        with tempfile.TemporaryFile() as spool:
            spool.writelines(chunks)
            member = tarfile.TarInfo(f"pytest-kind-input-{secrets.token_hex(8)}")
            member.size, member.mode = spool.tell(), 0o600
            spool.seek(0)
            pieces = iter(partial(spool.read, _PIECE), b"")
            padding = bytes(-member.size % tarfile.BLOCKSIZE + 2 * tarfile.BLOCKSIZE)
            self.put(container, "/", itertools.chain([member.tobuf(tarfile.PAX_FORMAT)], pieces, [padding]))
        script = 'exec <"$1"; rm "$1"; shift; exec "$@"'
        return self.exec(container, ["sh", "-c", script, "sh", f"/{member.name}", *argv], seconds=seconds)

    def _exit_code(self, made: str) -> int | NotYet:
        # The streams may end a moment before the engine knows how the command did.
        known = self._api.exec_inspect(made)
        return NotYet("the engine says that it runs") if known["Running"] or known["ExitCode"] is None else int(known["ExitCode"])

    def logs(self, container: str, lines: int) -> str:
        with ours(f"reading the console of {container[:12]}"):
            return cast("bytes", self._api.logs(container, tail=lines)).decode(errors="replace")

    def usage(self, container: str) -> Usage | None:
        with contextlib.suppress(errors.NotFound, errors.Conflict), ours(f"asking what {container[:12]} uses"):
            # One shot: else the engine waits a second for another reading.
            return _usage(self._api.stats(container, stream=False, one_shot=True))
        return None

    def inspect(self, container: str) -> Mapping[str, object]:
        with ours(f"inspecting {container[:12]}"):
            return cast("Mapping[str, object]", self._api.inspect_container(container))

    def container(self, reference: str) -> Container | None:
        try:
            with ours(f"looking for container {reference}"):
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
        with ours("listing containers"):
            found = self._api.containers(all=True, filters=filters(labels))
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
        with ours("listing volumes"):
            found = self._api.volumes(filters=filters(labels))
        return [Volume(name=one["Name"], labels=one.get("Labels") or {}) for one in found.get("Volumes") or ()]

    def create_volume(self, name: str, labels: Mapping[str, str]) -> None:
        with ours(f"creating volume {name}"):
            self._api.create_volume(name, labels=dict(labels))

    def remove_volume(self, name: str) -> None:
        with contextlib.suppress(errors.NotFound, errors.Conflict), ours(f"removing volume {name}"):
            self._api.remove_volume(name)

    def published_port(self, container: str, port: int) -> tuple[str, int]:
        with ours(f"asking for the published port of {container[:12]}"):
            found = self._api.port(container, port)
        if not found:
            raise errors.EngineError(f"container {container[:12]} publishes no port for {port}")
        address, host_port = found[0]["HostIp"], int(found[0]["HostPort"])
        if not self._local:  # it publishes on its own machine
            address = urlsplit(self._endpoint).hostname or address
        return address, host_port


def _usage(stats: Mapping[str, Any]) -> Usage | None:
    """Memory as ``docker stats`` has it (docker/cli, calculateMemUsageUnixNoCache): without the pages of files that nobody used lately."""
    memory = stats.get("memory_stats") or {}
    if "usage" not in memory:  # it does not run
        return None
    details = memory.get("stats") or {}
    idle = details.get("total_inactive_file", details.get("inactive_file", 0))
    return Usage(stats["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9, max(0, memory["usage"] - idle))
