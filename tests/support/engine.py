"""A container engine without containers: a folder that any number of processes share, with a file for each object.

It keeps what it is told, answers commands as a test says, and goes wrong when a test says so.
"""

from __future__ import annotations

import builtins
import contextlib
import io
import json
import secrets
import tarfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, Any

from pytest_kind import errors, labels
from pytest_kind.image import inputs
from pytest_kind.provision.provider import Container, ContainerSpec, EngineInfo, Image, Network, Result, Usage, Volume
from pytest_kind.provision.survey import Survey
from support.commands import Spoken
from support.images import NodeContainerd

ENTRYPOINT = ("/usr/local/bin/entrypoint", "/sbin/init")
NETWORKS = ("bridge", "mine", "other", "module", "class")  # of the engine
# An engine and a machine of which nothing is wrong.
SURVEY = Survey(
    name="Fake 1.0",
    product="Fake",
    version="1.0",
    api="1.45",
    address="unix:///fake",
    local=True,
    system="Fake Linux 1",
    kernel="fake-1",
    rootless=False,
    userns=False,
    selinux=False,
    cgroup_version=2,
    lacks=(),
    storage_driver="overlay2",
    image_store="docker",
    cpus=2,
    memory=8 << 30,
    root="/var/lib/fake",
    ahead=0.0,
    proxies={},
    open_to=(),
    forwards=True,
    networks={"bridge": Network(subnets=("172.17.0.0/16",), gateways=("172.17.0.1",))},
    published=(),
    image_bytes={},
)


class FakeEngine:
    """See :class:`~pytest_kind.provision.provider.Provider`; what is not of that protocol is for tests."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._threads = threading.Lock()
        self._asked = 0  # how often what a container uses
        self.saved = b""  # what it saves, whatever it is asked for
        self.containerd: dict[str, NodeContainerd] = {}
        for name in ("containers", "volumes", "images", "registry", "trouble", "answers", "files", "puts"):
            (root / name).mkdir(parents=True, exist_ok=True)

    # For tests: what is there beforehand

    def add_image(
        self,
        reference: str,
        marks: Mapping[str, str] | None = None,
        entrypoint: Sequence[str] = ENTRYPOINT,
        *,
        identity: str | None = None,
        layers: Sequence[str] = (),
    ) -> Image:
        """An image of the engine."""
        return self._write_image("images", reference, marks or {}, entrypoint, identity, layers)

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

    def answer(self, argv: Sequence[str], stdout: str = "", *, code: int = 0, on: str | None = None, times: int | None = None) -> None:
        """What commands that begin so print from now on, and how they end; others print nothing and succeed.

        Args:
            on: only in the container of this name.
            times: only so often; what was answered before comes after that again.
        """
        number = len(list((self._root / "answers").iterdir()))
        known = {"argv": list(argv), "stdout": stdout, "code": code, "on": on, "times": times}
        _write(self._root / "answers" / f"{number:03}", known)

    def say(self, **changes: Any) -> None:
        """What of its survey is not as in ``SURVEY``."""
        _write(self._root / "survey", changes)

    def publish(self, address: str, port: int) -> None:
        """Where every published port is."""
        _write(self._root / "published", {"address": address, "port": port})

    def offer(self, path: str, archive: bytes, container: str = "") -> None:
        """What ``get`` gives for a path, in a container or in whatever other."""
        (self._root / "files" / f"{container}{path.strip('/').replace('/', '%')}").write_bytes(archive)

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

    def execs(self, name: str) -> list[str]:
        """The commands that ran in a container."""
        log = self._root / "execs"
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        return [line.removeprefix(f"{name}: ") for line in lines if line.startswith(f"{name}: ")]

    def files(self, name: str) -> dict[str, tuple[bytes, int]]:
        """What is in a container after everything that was put into it: path -> content and mode."""
        container = self.container(name)
        assert container is not None
        found = {}
        for folder, archive in self.puts(container.id):
            with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
                for entry in tar:
                    content = tar.extractfile(entry)
                    if content is not None:
                        found[f"{folder}{entry.name}"] = (content.read(), entry.mode)
        return found

    def log(self, call: str) -> None:
        """Records a call."""
        self._append("calls", call)

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

    def survey(self) -> Survey:
        self._begin("survey")
        said = self._root / "survey"
        networks = dict.fromkeys(NETWORKS, SURVEY.networks["bridge"])
        return replace(SURVEY, networks=networks, **(_load(said) if said.exists() else {}))

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

    @contextmanager
    def save_images(self, references: Sequence[str]) -> Iterator[Iterable[bytes]]:
        self._begin("save_images", " ".join(references))
        yield self._pieces(self.saved)

    def _pieces(self, archive: bytes) -> Iterator[bytes]:
        for begin in range(0, len(archive), 700):
            self._fail("saving")
            yield archive[begin : begin + 700]

    def context_files(self, folder: Path, dockerfile: str) -> Sequence[str]:
        return [str(one.relative_to(folder)) for one in sorted(folder.rglob("*")) if one.name != "ignored"]

    def build(self, folder: Path, *, dockerfile: str, tag: str, labels: Mapping[str, str], arguments: Mapping[str, str]) -> None:
        self._begin("build", f"{folder.name} {dockerfile} {tag} {json.dumps(arguments)}")
        self.add_image(tag, labels, ())

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
        name = path.strip("/").replace("/", "%")
        offered = next((file for file in (self._root / "files" / f"{container}{name}", self._root / "files" / name) if file.exists()), None)
        if offered is None:
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
        if signal == "SIGKILL":
            self._set_state(container, "exited")

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
        for volume in self._read(there.id)["own"]:
            (self._root / "volumes" / volume).unlink(missing_ok=True)
        (self._root / "containers" / there.id).unlink(missing_ok=True)

    def exec(self, container: str, argv: Sequence[str], *, seconds: float = 60.0, environment: Mapping[str, str] | None = None) -> Result:
        del seconds, environment
        there = self._read(container)
        self._begin("exec", " ".join(argv))
        self._append("execs", f"{there['name']}: {' '.join(argv)}")
        if there["state"] != "running":
            raise errors.Conflict(f"container {there['name']} is not running")
        return self._answer(argv, there) or self._containerd(container, argv) or Result(0, "", "")

    def _containerd(self, container: str, argv: Sequence[str], archive: bytes = b"") -> Result | None:
        speaks = argv[0] == "ctr" or (argv[0] == "sh" and "snapshots" in argv[2])
        return self.containerd.setdefault(container, NodeContainerd()).run(argv, archive) if speaks else None

    def _answer(self, argv: Sequence[str], there: Mapping[str, Any]) -> Result | None:
        with self._threads:
            answers = {file: _load(file) for file in sorted((self._root / "answers").iterdir(), reverse=True)}
            fitting = {
                file: one
                for file, one in answers.items()
                if list(argv[: len(one["argv"])]) == one["argv"] and one["on"] in {None, there["name"]} and one["times"] != 0
            }
            if not fitting:
                return None
            file, answer = max(fitting.items(), key=lambda item: len(item[1]["argv"]))  # the closest, the last of equals
            if answer["times"]:
                _write(file, {**answer, "times": answer["times"] - 1})
        return Result(answer["code"], answer["stdout"], answer["stdout"])

    def exec_with_input(self, container: str, argv: Sequence[str], chunks: Iterable[bytes], *, seconds: float = 600.0) -> Result:
        del seconds
        self._begin("exec_with_input", " ".join(argv))
        refused = self._answer(argv, self._read(container))  # an answer that is set is a command's that reads nothing
        return refused or self._containerd(container, argv, b"".join(chunks)) or Result(0, "", "")

    def converse(self, container: str, argv: Sequence[str]) -> Spoken:
        there = self._read(container)
        self._begin("converse", f"{there['name']} {argv[0]}")
        if there["state"] != "running":
            raise errors.Conflict(f"container {there['name']} is not running")
        # The command runs here; a machine's constant address is this one's loopback.
        return Spoken(["127.0.0.1" if word.startswith("198.19.255.") else word for word in argv])

    def logs(self, container: str, lines: int) -> str:
        self._begin("logs", f"{self._read(container)['name']} {lines}")
        return "the console's last words\n"

    def usage(self, container: str) -> Usage | None:
        there = self.container(container)
        if there is None or not there.running:
            return None
        self._begin("usage", there.name)
        with self._threads:
            self._asked += 1
            return Usage(cpu=self._asked / 2, memory=400 << 20)

    def inspect(self, container: str) -> Mapping[str, object]:
        self._begin("inspect")
        known = self._read(container)
        environment = [f"{name}={value}" for name, value in known["spec"]["environment"].items()]
        networks = {known["spec"]["network"]: {"IPAddress": "172.17.0.9", "GlobalIPv6Address": ""}}
        return {**known, "Config": {"Env": environment}, "NetworkSettings": {"Networks": networks}}

    def container(self, reference: str) -> Container | None:
        return next((one for one in self._containers() if reference in {one.id, one.name}), None)

    def containers(self, labels: Mapping[str, str | None]) -> list[Container]:
        self._fail("containers")
        return [one for one in self._containers() if _carries(one.labels, labels)]

    def volumes(self, labels: Mapping[str, str | None]) -> list[Volume]:
        found = []
        for file in sorted((self._root / "volumes").iterdir()):
            with contextlib.suppress(FileNotFoundError):  # another process has just removed it
                found.append(Volume(name=file.name, labels=_load(file)["labels"]))
        return [one for one in found if _carries(one.labels, labels)]

    def create_volume(self, name: str, labels: Mapping[str, str]) -> None:
        self._begin("create_volume", name)
        self.add_volume(name, labels)

    def remove_volume(self, name: str) -> None:
        self._begin("remove_volume", name)
        if any(name in one.volumes for one in self._containers()):
            return
        (self._root / "volumes" / name).unlink(missing_ok=True)

    def published_port(self, container: str, port: int) -> tuple[str, int]:
        self._begin("published_port", f"{self._read(container)['name']} {port}")
        published = self._root / "published"
        if not published.exists():
            raise errors.EngineError(f"container {container[:12]} publishes no port for {port}")
        known = _load(published)
        return known["address"], known["port"]

    def network(self, name: str) -> Network:
        self._begin("network", name)
        return Network(subnets=("172.17.0.0/16",), gateways=("172.17.0.1",))

    def addresses(self, container: str) -> dict[str, str]:
        known = self._read(container)
        self._begin("addresses", known["name"])
        running = known["state"] == "running"
        return {known["spec"]["network"]: f"172.17.0.{2 + self.names.index(known['name'])}"} if running else {}

    def close(self) -> None:
        self.log("close")

    # Inside

    def _append(self, log: str, line: str) -> None:
        # One line in one write, so that several processes may.
        with (self._root / log).open("a", encoding="utf-8") as file:
            file.write(f"{line.replace(chr(10), ' ')}\n")

    def _begin(self, method: str, about: str = "") -> None:
        self.log(f"{method} {about}".rstrip())
        self._fail(method)

    def _fail(self, method: str) -> None:
        trouble = self._root / "trouble" / method
        with self._threads:
            if not trouble.exists():
                return
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
        known = {
            "name": spec.name,
            "image": spec.image,
            "labels": dict(spec.labels),
            "state": "created",
            "own": list(volumes),
            "volumes": [*volumes, *spec.named_volumes],
            "spec": asdict(spec),
        }
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
        return [_image(one) for one in known]

    def _write_image(
        self,
        place: str,
        reference: str,
        marks: Mapping[str, str],
        entrypoint: Sequence[str],
        identity: str | None = None,
        layers: Sequence[str] = (),
    ) -> Image:
        known = {"id": identity or f"sha256:{secrets.token_hex(32)}", "tag": reference, "labels": dict(marks)}
        known |= {"entrypoint": list(entrypoint), "layers": list(layers)}
        _write(self._root / place / reference.replace("/", "%"), known)
        return _image(known)


def _image(known: Mapping[str, Any]) -> Image:
    return Image(
        id=known["id"],
        tags=(known["tag"],),
        labels=known["labels"],
        architecture="amd64",
        entrypoint=tuple(known["entrypoint"]),
        layers=tuple(known["layers"]),
    )


def _carries(found: Mapping[str, str], wanted: Mapping[str, str | None]) -> bool:
    return all(key in found and value in {None, found[key]} for key, value in wanted.items())


def _write(file: Path, content: Mapping[str, Any]) -> None:
    # Written beside the folder and moved in: another process that lists the folder sees whole files alone.
    fresh = file.parent.parent / f".{file.name}-{secrets.token_hex(4)}"
    fresh.write_text(json.dumps(content), encoding="utf-8")
    fresh.replace(file)


def _load(file: Path) -> dict[str, Any]:
    return dict(json.loads(file.read_text(encoding="utf-8")))
