"""What a node's containerd is asked and told about images, with nothing but ``ctr``: not every node has crictl."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pytest_kind.errors import CommandError
from pytest_kind.provision.provider import Provider, Result

_CTR = ("ctr", "--namespace", "k8s.io")
_IMPORT_SECONDS = 1800.0
# The snapshotter is containerd's configuration's; kind's entrypoint writes another one there on some file systems.
_LAYERS = r"""
snapshotter=$(sed -n 's/^ *snapshotter *= *["'\'']\([a-z-]*\)["'\''].*/\1/p' /etc/containerd/config.toml | head -n 1)
echo "${snapshotter:=overlayfs}"
exec ctr --namespace k8s.io snapshots --snapshotter "$snapshotter" list
"""


class Target(Protocol):
    """A node, as far as loading images goes: its name for people, its container."""

    @property
    def name(self) -> str: ...
    @property
    def container(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An image that nodes shall have.

    Attributes:
        name: its full reference.
        id: the engine's: the digest of its configuration, or, with the containerd image store, of its manifest or index.
        layers: the digests of its unpacked layers, the lowest first.
        blobs: the digests of the same layers as the archive has them; none where it does not name them by digest.
    """

    name: str
    id: str
    layers: tuple[str, ...] = ()
    blobs: tuple[str, ...] = ()


class NodeImages:
    """The images of one node."""

    def __init__(self, provider: Provider, target: Target) -> None:
        self._provider, self.target = provider, target

    def find(self, wanted: Iterable[Wanted]) -> dict[str, str]:
        """Of the images in question, those that are there: reference -> the digest of what it points to.

        Kubernetes' side of containerd keeps a second reference to each image that it knows, ``sha256:`` and the digest of
        its configuration (``internal/cri/server/images``, UpdateImage); they are in the answer too.
        """
        fields = [(("name", one.name), ("name", one.id), ("target.digest", one.id)) for one in wanted]
        return self._list(f'{field}=="{value}"' for some in fields for field, value in some)

    def layers(self) -> tuple[str, frozenset[str]]:
        """The node's snapshotter, and the chain ids of the layers that it has unpacked."""
        result = self._exec(("sh", "-c", _LAYERS))
        snapshotter, _, listed = result.stdout.partition("\n")
        return snapshotter.strip(), frozenset(line.split()[0] for line in listed.splitlines() if line.startswith("sha256:"))

    def tag(self, source: str, name: str) -> None:
        """Another reference for what is there."""
        self._run("images", "tag", "--force", source, name)

    def take(self, archive: Iterable[bytes], snapshotter: str) -> tuple[tuple[str, ...], Result]:
        """Imports an archive. What became of the command, which is returned too, is for the caller to judge.

        Only the node's own platform is asked for: an engine with the containerd image store writes the index of all platforms
        and the layers of those that it has, and asking for the others' is kind#3795. The packed layers are not kept, as they
        are not of an image that Kubernetes pulls (``discard_unpacked_layers``).
        """
        argv = (*_CTR, "images", "import", "--local", "--snapshotter", snapshotter, "--discard-unpacked-layers", "-")
        return argv, self._provider.exec_with_input(self.target.container, argv, archive, seconds=_IMPORT_SECONDS)

    def restore(self, before: Mapping[str, str], wanted: Sequence[Wanted]) -> None:
        """Takes back what a failed import left: references to images that are not whole."""
        changed = {name: digest for name, digest in self.find(wanted).items() if before.get(name) != digest}
        broken = [] if not changed else [name for name in self._pointing_to(changed.values()) if name.startswith("sha256:") and name not in before]
        for name in changed:
            others = [other for other in self._pointing_to([before[name]]) if other not in changed] if name in before else []
            if others:
                self.tag(others[0], name)
            else:
                broken.append(name)
        self.remove(set(broken))

    def _pointing_to(self, digests: Iterable[str]) -> list[str]:
        return list(self._list(f'target.digest=="{digest}"' for digest in digests))

    def _list(self, filters: Iterable[str]) -> dict[str, str]:
        rows = (line.split() for line in self._run("images", "list", *dict.fromkeys(filters)).stdout.splitlines())
        return {row[0]: row[2] for row in rows if len(row) > 2 and row[2].startswith("sha256:")}  # noqa: PLR2004 - REF TYPE DIGEST

    def remove(self, names: Collection[str]) -> None:
        """Removes references, and waits for the garbage collection of what they alone held."""
        if names:
            self._run("images", "remove", "--sync", *sorted(names))

    def _run(self, *argv: str) -> Result:
        return self._exec((*_CTR, *argv))

    def _exec(self, argv: Sequence[str]) -> Result:
        result = self._provider.exec(self.target.container, argv)
        if result.code:
            raise CommandError(self.target.name, argv, result.code, result.output)
        return result
