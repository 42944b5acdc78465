"""A container engine without containers: a folder that any number of processes share, with a file for each object.

It keeps what it is told, answers commands as a test says, and goes wrong when a test says so.
"""

from __future__ import annotations

import builtins
import io
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from pytest_kind import errors, labels
from pytest_kind.image import inputs
from pytest_kind.provision.provider import Container, ContainerSpec, EngineInfo, Image, Result, Volume

ENTRYPOINT = ("/usr/local/bin/entrypoint", "/sbin/init")


class FakeEngine:
    """See :class:`~pytest_kind.provision.provider.Provider`; what is not of that protocol is for tests."""

    def __init__(self, root: Path) -> None:
        self._root = root
        for name in ("containers", "volumes", "images", "registry", "trouble", "answers", "files", "puts"):
            (root / name).mkdir(parents=True, exist_ok=True)

    # For tests: what is there beforehand

    def add_image(self, reference: str, marks: Mapping[str, str] | None = None, entrypoint: Sequence[str] = ENTRYPOINT) -> Image:
        """An image of the engine."""
        return self._write_image("images", reference, marks or {}, entrypoint)

    def add_node_image(self, kubernetes: str | None = None, source: str = "") -> Image:
        """The image that the inputs on disk lead to, so that nothing has to be built."""
        wanted = inputs.read_inputs("amd64", kubernetes, source)
        facts = json.dumps({"kubernetes": wanted.kubernetes, "source": source})
        return self.add_image(wanted.tag, {labels.KIND: "node-image", labels.IMAGE_DIGEST: wanted.digest, labels.FACTS: facts})

    def add_to_registry(self, reference: str, entrypoint: Sequence[str] = ENTRYPOINT) -> None:
        """An image that can be pulled."""
        self._write_image("registry", reference, {}, entrypoint)

    def add_container(self, name: str, marks: Mapping[str, str], state: str = "running", *, volume: bool = False) -> str:
        """A container that somebody made."""
        container = self._create(ContainerSpec(name=name, image="sha256:any", labels=marks, volume="/var" if volume else None))
        self._set_state(container, state)
        return container

    def add_volume(self, name: str, marks: Mapping[str, str]) -> None:
        """A volume that no container uses."""
        _write(self._root / "volumes" / name, {"labels": dict(marks)})

    # For tests: how it behaves

    def answer(self, argv: Sequence[str], stdout: str = "", *, code: int = 0) -> None:
        """What commands that begin so print from now on, and how they end; others print nothing and succeed."""
        number = len(list((self._root / "answers").iterdir()))
        _write(self._root / "answers" / f"{number:03}", {"argv": list(argv), "stdout": stdout, "code": code})

    def publish(self, address: str, port: int) -> None:
        """Where every published port is."""
        _write(self._root / "published", {"address": address, "port": port})

    def offer(self, path: str, archive: bytes) -> None:
        """What ``get`` gives for a path, in whatever container."""
        (self._root / "files" / path.strip("/").replace("/", "%")).write_bytes(archive)

    def fail(self, method: str, error: BaseException, times: int = 1) -> None:
        """Makes the next calls of a method raise."""
        _write(self._root / "trouble" / method, {"type": type(error).__name__, "text": str(error), "times": times})

    # For tests: what happened

    @property
    def calls(self) -> list[str]:
        """Every call, in order: the method and what it was about."""
        log = self._root / "calls"
        return log.read_text(encoding="utf-8").splitlines() if log.exists() else []

    def made(self, verb: str) -> list[str]:
        """What one method was called with."""
        return [call.removeprefix(f"{verb} ") for call in self.calls if call.startswith(f"{verb} ")]

    @property
    def names(self) -> list[str]:
        """The names of all containers."""
        return sorted(one.name for one in self.containers({}))

    def spec(self, container: str) -> dict[str, Any]:
        """The plan that a container was made from, as JSON has it."""
        return dict(self._read(container)["spec"])

    def puts(self, container: str) -> list[tuple[str, bytes]]:
        """The archives put into a container, with their folders."""
        return [(one.name.split("-", 2)[2].replace("%", "/"), one.read_bytes()) for one in sorted((self._root / "puts").glob(f"{container}-*"))]

    def log(self, call: str) -> None:
        """Records a call; one line in one write, so that several processes may."""
        with (self._root / "calls").open("a", encoding="utf-8") as file:
            file.write(f"{call}\n")

    # Provider

    def info(self) -> EngineInfo:
        self._begin("info")
        return EngineInfo(
            name="Fake 1.0",
            architecture="amd64",
            cgroup_version=2,
            storage_driver="overlay2",
            cpus=2,
            memory=8 << 30,
            rootless=False,
            address="unix:///fake",
            local=True,
            kernel_modules=False,
        )

    def image(self, reference: str) -> Image | None:
        self._begin("image", reference)
        return next((one for one in self._images("images") if reference in {one.id, *one.tags}), None)

    def images(self, labels: Mapping[str, str | None]) -> list[Image]:
        self._begin("images")
        return [one for one in self._images("images") if _carries(one.labels, labels)]

    def pull(self, reference: str, seconds: float) -> None:
        del seconds
        self._begin("pull", reference)
        if not any(reference in one.tags for one in self._images("registry")):
            raise errors.NotFound(f"pulling {reference}: no registry answers")
        published = next(one for one in self._images("registry") if reference in one.tags)
        self._write_image("images", reference, published.labels, published.entrypoint)

    def import_image(self, archive: IO[bytes], reference: str, labels: Mapping[str, str]) -> None:
        self._begin("import_image", f"{reference} {len(archive.read())}")
        self.add_image(reference, labels, ())

    def commit(
        self, container: str, reference: str, *, labels: Mapping[str, str], entrypoint: Sequence[str], environment: Mapping[str, str]
    ) -> Image:
        del environment
        self._begin("commit", f"{self._read(container)['name']} {reference}")
        return self.add_image(reference, labels, entrypoint)

    def save_image(self, reference: str) -> Iterable[bytes]:
        self._begin("save_image", reference)
        return [b"saved ", reference.encode()]

    def remove_image(self, reference: str) -> None:
        self._begin("remove_image", reference)

    def create(self, spec: ContainerSpec) -> str:
        self._begin("create", spec.name)
        if spec.name in self.names:
            raise errors.Conflict(f"creating container {spec.name}: the name is taken")
        return self._create(spec)

    def put(self, container: str, path: str, archive: IO[bytes] | bytes | Iterable[bytes]) -> None:
        self._begin("put", f"{self._read(container)['name']} {path}")
        content = archive if isinstance(archive, bytes) else b"".join(archive)
        number = len(self.puts(container))
        (self._root / "puts" / f"{container}-{number:03}-{path.replace('/', '%')}").write_bytes(content)

    @contextmanager
    def get(self, container: str, path: str) -> Iterator[IO[bytes]]:
        self._begin("get", f"{self._read(container)['name']} {path}")
        offered = self._root / "files" / path.strip("/").replace("/", "%")
        if not offered.exists():
            raise errors.NotFound(f"getting {path}: no such file")
        yield io.BytesIO(offered.read_bytes())

    def start(self, container: str) -> None:
        self._begin("start", self._read(container)["name"])
        self._set_state(container, "running")

    def stop(self, container: str, seconds: int) -> None:
        del seconds
        self._begin("stop", self._read(container)["name"])
        self._set_state(container, "exited")

    def kill(self, container: str, signal: str) -> None:
        self._begin("kill", f"{self._read(container)['name']} {signal}")

    def pause(self, container: str) -> None:
        self._begin("pause", self._read(container)["name"])
        self._set_state(container, "paused")

    def unpause(self, container: str) -> None:
        self._begin("unpause", self._read(container)["name"])
        self._set_state(container, "running")

    def remove(self, container: str) -> None:
        there = self.container(container)
        if there is None:
            return
        self._begin("remove", there.name)
        for volume in there.volumes:
            (self._root / "volumes" / volume).unlink(missing_ok=True)
        (self._root / "containers" / there.id).unlink(missing_ok=True)

    def exec(self, container: str, argv: Sequence[str], *, seconds: float = 60.0, environment: Mapping[str, str] | None = None) -> Result:
        del seconds, environment
        self._read(container)
        self._begin("exec", " ".join(argv))
        answers = [_load(file) for file in sorted((self._root / "answers").iterdir())]
        fitting = [one for one in answers if list(argv[: len(one["argv"])]) == one["argv"]]
        if not fitting:
            return Result(0, "", "")
        answer = max(reversed(fitting), key=lambda one: len(one["argv"]))  # the closest, the last of equals
        return Result(answer["code"], answer["stdout"], answer["stdout"])

    def exec_with_input(self, container: str, argv: Sequence[str], chunks: Iterable[bytes], *, seconds: float = 600.0) -> Result:
        content = b"".join(chunks)
        number = len(self.puts(container))
        (self._root / "puts" / f"{container}-{number:03}-stdin").write_bytes(content)
        return self.exec(container, argv, seconds=seconds)

    def logs(self, container: str, lines: int) -> str:
        self._begin("logs", f"{self._read(container)['name']} {lines}")
        return "the console's last words\n"

    def inspect(self, container: str) -> Mapping[str, object]:
        self._begin("inspect")
        return self._read(container)

    def container(self, reference: str) -> Container | None:
        return next((one for one in self._containers() if reference in {one.id, one.name}), None)

    def containers(self, labels: Mapping[str, str | None]) -> list[Container]:
        self._fail("containers")
        return [one for one in self._containers() if _carries(one.labels, labels)]

    def volumes(self, labels: Mapping[str, str | None]) -> list[Volume]:
        found = [Volume(name=file.name, labels=_load(file)["labels"]) for file in sorted((self._root / "volumes").iterdir())]
        return [one for one in found if _carries(one.labels, labels)]

    def create_volume(self, name: str, labels: Mapping[str, str]) -> None:
        self._begin("create_volume", name)
        self.add_volume(name, labels)

    def remove_volume(self, name: str) -> None:
        self._begin("remove_volume", name)
        (self._root / "volumes" / name).unlink(missing_ok=True)

    def published_port(self, container: str, port: int) -> tuple[str, int]:
        self._begin("published_port", f"{self._read(container)['name']} {port}")
        published = self._root / "published"
        if not published.exists():
            raise errors.EngineError(f"container {container[:12]} publishes no port for {port}")
        known = _load(published)
        return known["address"], known["port"]

    def close(self) -> None:
        self.log("close")

    # Inside

    def _begin(self, method: str, about: str = "") -> None:
        self.log(f"{method} {about}".rstrip())
        self._fail(method)

    def _fail(self, method: str) -> None:
        trouble = self._root / "trouble" / method
        if trouble.exists():
            told = _load(trouble)
            trouble.unlink()
            if told["times"] > 1:
                _write(trouble, {**told, "times": told["times"] - 1})
            error: type[BaseException] = getattr(errors, told["type"], None) or getattr(builtins, told["type"])
            raise error(told["text"])

    def _create(self, spec: ContainerSpec) -> str:
        container, volumes = secrets.token_hex(32), []
        if spec.volume is not None:
            volumes.append(secrets.token_hex(32))
            self.add_volume(volumes[0], spec.labels)
        known = {"name": spec.name, "image": spec.image, "labels": dict(spec.labels), "state": "created", "volumes": volumes, "spec": asdict(spec)}
        _write(self._root / "containers" / container, known)
        return container

    def _read(self, container: str) -> dict[str, Any]:
        file = self._root / "containers" / container
        if not file.exists():
            raise errors.NotFound(f"no such container: {container}")
        return _load(file)

    def _set_state(self, container: str, state: str) -> None:
        _write(self._root / "containers" / container, {**self._read(container), "state": state})

    def _containers(self) -> list[Container]:
        found = []
        for file in sorted((self._root / "containers").iterdir()):
            try:
                known = _load(file)
            except FileNotFoundError:
                continue  # removed by another process since the folder was listed
            found.append(
                Container(
                    id=file.name,
                    name=known["name"],
                    image=known["image"],
                    labels=known["labels"],
                    state=known["state"],
                    volumes=tuple(known["volumes"]),
                )
            )
        return found

    def _images(self, place: str) -> list[Image]:
        known = [_load(file) for file in sorted((self._root / place).iterdir())]
        return [
            Image(id=one["id"], tags=(one["tag"],), labels=one["labels"], architecture="amd64", entrypoint=tuple(one["entrypoint"])) for one in known
        ]

    def _write_image(self, place: str, reference: str, marks: Mapping[str, str], entrypoint: Sequence[str]) -> Image:
        identifier = f"sha256:{secrets.token_hex(32)}"
        known = {"id": identifier, "tag": reference, "labels": dict(marks), "entrypoint": list(entrypoint)}
        _write(self._root / place / reference.replace("/", "%"), known)
        return Image(id=identifier, tags=(reference,), labels=dict(marks), architecture="amd64", entrypoint=tuple(entrypoint))


def _carries(found: Mapping[str, str], wanted: Mapping[str, str | None]) -> bool:
    return all(key in found and value in {None, found[key]} for key, value in wanted.items())


def _write(file: Path, content: Mapping[str, Any]) -> None:
    # Written beside the folder and moved in: another process that lists the folder sees whole files alone.
    fresh = file.parent.parent / f".{file.name}-{secrets.token_hex(4)}"
    fresh.write_text(json.dumps(content), encoding="utf-8")
    fresh.replace(file)


def _load(file: Path) -> dict[str, Any]:
    return dict(json.loads(file.read_text(encoding="utf-8")))
