"""What an engine must do. The Docker one is in ``docker_engine/``; the hermetic tests have one of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pytest_kind.provision.survey import Survey


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineInfo:
    """What is worth knowing of an engine.

    Attributes:
        name: for people: ``Docker 26.1.5``.
        architecture: in Go's words: ``amd64``, ``arm64``.
        cgroup_version: ``1`` or ``2``.
        storage_driver: such as ``overlay2``.
        cpus: how many.
        memory: bytes.
        rootless: whether it runs without root.
        address: where it is reached.
        local: whether ports that it publishes on loopback are on this machine's loopback.
        kernel_modules: whether its machine has a /lib/modules (as far as can be seen from here).
    """

    name: str
    architecture: str
    cgroup_version: int
    storage_driver: str
    cpus: int
    memory: int
    rootless: bool
    address: str
    local: bool
    kernel_modules: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image of the engine: ``id`` is its content's name, ``tags`` may be empty.

    ``layers`` are the digests of its unpacked layers, the lowest first; a list of images does not have them.
    """

    id: str
    tags: tuple[str, ...]
    labels: Mapping[str, str]
    architecture: str
    entrypoint: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A published port: ``host`` 0 lets the engine choose."""

    container: int
    host: int = 0
    address: str = "127.0.0.1"
    protocol: str = "tcp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind:
    """A folder or file of the engine's machine inside a container; ``relabel``: SELinux is told that it is this container's alone."""

    source: str
    target: str
    read_only: bool = False
    propagation: str = "rprivate"
    relabel: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """A container, planned.

    Attributes:
        volume: the path of its one anonymous volume, which carries the same labels.
        named_volumes: a volume's name -> its path. They are made beforehand, and outlive the container.
        mac: its address on the engine's network, the same at every start; none: the engine chooses one each time.
        cpus: how many processors' time it may use.
        memory: bytes that it may use.
        stop_signal: what asks its first process to end; none: the image's.
    """

    name: str
    image: str
    labels: Mapping[str, str]
    entrypoint: Sequence[str] | None = None
    command: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    ports: Sequence[Port] = ()
    binds: Sequence[Bind] = ()
    tmpfs: Mapping[str, str] = field(default_factory=dict)
    volume: str | None = None
    named_volumes: Mapping[str, str] = field(default_factory=dict)
    network: str = "bridge"
    mac: str | None = None
    cpus: float | None = None
    memory: int | None = None
    restart_once: bool = False
    stop_signal: str | None = None
    tty: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A container of the engine, as its list shows it."""

    id: str
    name: str
    image: str
    labels: Mapping[str, str]
    state: str
    volumes: tuple[str, ...] = ()

    @property
    def running(self) -> bool:
        """Whether its processes run (a paused one's do not)."""
        return self.state == "running"


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A volume of the engine."""

    name: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A network of the engine: its subnets, and the addresses of the engine's machine on it."""

    subnets: tuple[str, ...]
    gateways: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """How a command on a node ended. ``output`` has both streams, ``stdout`` the first alone."""

    code: int
    stdout: str
    output: str


class Conversation(Protocol):
    """A command that runs, and with which one speaks. One thread may send while another one receives."""

    def send(self, content: bytes) -> None:
        """What it reads as standard input. Raises ``EngineError`` when it has ended."""

    def receive(self) -> bytes:
        """The next piece of its standard output, waited for; nothing when it has ended."""

    @property
    def complaints(self) -> str:
        """What it wrote to standard error, the last of it."""

    def close(self) -> None:
        """Ends its standard input, by which it is to end, and whoever receives. Does nothing the second time."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a container uses: processor seconds since it was started, and bytes of memory, without files' pages that could be given back."""

    cpu: float
    memory: int


class Provider(Protocol):
    """Every call raises :class:`~pytest_kind.errors.EngineError` or a kind of it, and nothing else of the engine's."""

    def info(self) -> EngineInfo: ...

    def survey(self) -> Survey:
        """All that it says of itself and of its machine, for the doctor."""
        ...

    def image(self, reference: str) -> Image | None:
        """The image of that tag or id, if the engine has it."""

    def images(self, labels: Mapping[str, str | None]) -> list[Image]:
        """Those that carry all the labels (``None``: whatever value)."""

    def pull(self, reference: str, seconds: float) -> None:
        """Raises ``NotFound`` when no registry has it or answers."""

    def import_image(self, archive: IO[bytes], reference: str, labels: Mapping[str, str]) -> None:
        """An image of one layer: a tar archive of a root file system."""

    def commit(
        self, container: str, reference: str, *, labels: Mapping[str, str], entrypoint: Sequence[str], environment: Mapping[str, str]
    ) -> Image:
        """A stopped container's file system as an image."""

    def save_images(self, references: Sequence[str]) -> AbstractContextManager[Iterable[bytes]]:
        """Images as one archive, streamed. Leaving the context early ends it."""
        ...

    def context_files(self, folder: Path, dockerfile: str) -> Sequence[str]:
        """What of a folder a build would get: relative paths of files, links and folders, ``.dockerignore`` heeded."""
        ...

    def build(self, folder: Path, *, dockerfile: str, tag: str, labels: Mapping[str, str], arguments: Mapping[str, str]) -> None:
        """Builds an image with the engine's own builder. Raises ``ImageError`` with its last lines where that fails."""

    def remove_image(self, reference: str) -> None:
        """Does nothing where there is none."""

    def create(self, spec: ContainerSpec) -> str:
        """Creates, does not start; returns the id. Raises ``Conflict`` for a name that is taken."""

    def put(self, container: str, path: str, archive: IO[bytes] | bytes | Iterable[bytes]) -> None:
        """Unpacks a tar archive into a folder of the container, which need not run."""

    def get(self, container: str, path: str) -> AbstractContextManager[IO[bytes]]:
        """A file or folder of the container as a tar archive. Raises ``NotFound`` where there is none."""
        ...

    def start(self, container: str) -> None:
        """Raises ``Conflict`` for a port that is taken."""

    def stop(self, container: str, seconds: int) -> None:
        """Asks it to end, then ends it."""

    def kill(self, container: str, signal: str) -> None:
        """Sends a signal to its first process."""

    def pause(self, container: str) -> None:
        """Freezes its processes."""

    def unpause(self, container: str) -> None:
        """Lets them go on."""

    def remove(self, container: str) -> None:
        """With its anonymous volumes, running or not; does nothing where there is none."""

    def exec(self, container: str, argv: Sequence[str], *, seconds: float = 60.0, environment: Mapping[str, str] | None = None) -> Result:
        """Runs a command to its end; one that lasts over ``seconds`` is killed and ends with 124 or 137."""

    def exec_with_input(self, container: str, argv: Sequence[str], chunks: Iterable[bytes], *, seconds: float = 600.0) -> Result:
        """Runs a command that reads ``chunks`` as its standard input. A command that ends early gets no more of them."""

    def converse(self, container: str, argv: Sequence[str]) -> Conversation:
        """Starts a command that lasts: until its standard input ends."""

    def logs(self, container: str, lines: int) -> str:
        """The last lines of the console."""

    def usage(self, container: str) -> Usage | None:
        """What a container uses at this moment; nothing of one that does not run, or is not there."""

    def inspect(self, container: str) -> Mapping[str, object]:
        """What the engine knows of it, as it says it."""

    def container(self, reference: str) -> Container | None:
        """The container of that name or id, whoever made it."""

    def containers(self, labels: Mapping[str, str | None]) -> list[Container]:
        """Those that carry all the labels, running or not."""

    def volumes(self, labels: Mapping[str, str | None]) -> list[Volume]:
        """Those that carry all the labels."""

    def create_volume(self, name: str, labels: Mapping[str, str]) -> None: ...

    def remove_volume(self, name: str) -> None:
        """Does nothing where there is none; one in use stays."""

    def published_port(self, container: str, port: int) -> tuple[str, int]:
        """Where a TCP port of a running container is reached from this machine."""

    def network(self, name: str) -> Network:
        """Raises ``NotFound`` where there is none of that name."""

    def addresses(self, container: str) -> Mapping[str, str]:
        """A running container's address on each of its networks (by their ids), as other containers reach it."""

    def close(self) -> None: ...
