"""The handle on a node."""

from __future__ import annotations

import shutil
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_kind.errors import CommandError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from pytest_kind.handle import KindCluster
    from pytest_kind.provision.provider import Provider


@dataclass(frozen=True, slots=True)
class KindNode:
    """A node of a cluster: its name, its role (``control-plane``), its container."""

    name: str
    role: str
    container: str
    _provider: Provider = field(repr=False)
    _cluster: KindCluster | None = field(default=None, repr=False, compare=False)

    def stop(self) -> None:
        """Shuts the node down; the cluster notices as it would with a machine."""
        self._provider.stop(self.container, 10)

    def kill(self) -> None:
        """Ends the node at once, as a power cut does."""
        self._provider.kill(self.container, "SIGKILL")

    def start(self) -> None:
        """Starts a node that is stopped or was killed. Does not wait: see :meth:`KindCluster.wait_until_well`."""
        self._provider.start(self.container)

    def stopped(self, *, wait: bool = True, timeout: float = 120.0) -> AbstractContextManager[None]:
        """The node is shut down until the block ends; then it is started, whatever became of it.

        Args:
            wait: until the API, every node and DNS are well, afterwards.
            timeout: seconds for that.

        Raises:
            UsageError: it does not run, or other workers of xdist use its cluster.
            KindError: it could not be started again, or the cluster did not get well.
        """
        from pytest_kind.toolbox.faults import machines  # noqa: PLC0415 - the toolbox is above this module

        return machines.halted(self._owner, self, "stopped", self.stop, wait=wait, timeout=timeout)

    def killed(self, *, wait: bool = True, timeout: float = 120.0) -> AbstractContextManager[None]:
        """The node has no power until the block ends: :meth:`stopped` without a word of warning."""
        from pytest_kind.toolbox.faults import machines  # noqa: PLC0415 - as above

        return machines.halted(self._owner, self, "killed", self.kill, wait=wait, timeout=timeout)

    def paused(self, *, wait: bool = True, timeout: float = 120.0) -> AbstractContextManager[None]:
        """Every process of the node is frozen until the block ends: connections stay and nobody answers. See :meth:`stopped`."""
        from pytest_kind.toolbox.faults import machines  # noqa: PLC0415 - as above

        return machines.halted(self._owner, self, "paused", lambda: self._provider.pause(self.container), wait=wait, timeout=timeout)

    def disk_full(self, path: str, *, leave: str | int = "0") -> AbstractContextManager[None]:
        """A folder of the node in which nothing more can be written, until the block ends.

        A small file system in memory lies over the folder, with what is in it; what is written there meanwhile is gone
        afterwards. Containers see it that are started in the block (``hostPath``, volumes of the class ``standard``); those that
        run have the folder as it was. The disk of the engine's machine is never filled.

        Args:
            path: such as ``/var/local-path-provisioner``; no other file system may be mounted below it.
            leave: how much can still be written: a quantity (``10Mi``) or bytes. With what is in the folder, 256Mi at most.

        Raises:
            UsageError: a path or a quantity that is not accepted, or other workers of xdist use the cluster.
            KindError: it could not be undone.
        """
        from pytest_kind.toolbox.faults import disk  # noqa: PLC0415 - as above

        return disk.full(self._owner, self, path, leave)

    def disk_pressure(self, *, wait: bool = True, timeout: float = 120.0) -> AbstractContextManager[None]:
        """The kubelet is short of disk until the block ends: the condition, the taint, evictions, as on any such node.

        It is told to want more than there is; no disk is filled. The block begins when the node has its taint
        ``node.kubernetes.io/disk-pressure``. Pods that it evicted stay evicted; images stay.

        Args:
            wait: until condition and taint are gone, afterwards.
            timeout: seconds for each.

        Raises:
            UsageError: other workers of xdist use the cluster.
            KindError: it did not come to it, or the node did not get well.
        """
        from pytest_kind.toolbox.faults import disk  # noqa: PLC0415 - as above

        return disk.pressure(self._owner, self, wait=wait, timeout=timeout)

    def slow(
        self, *, delay: float = 0.0, jitter: float = 0.0, loss: float = 0.0, wait: bool = True, timeout: float = 120.0
    ) -> AbstractContextManager[None]:
        """What the node sends comes late, or not at all, until the block ends. It takes a kernel with netem.

        Args:
            delay: seconds that each packet takes longer, 60 at most.
            jitter: by how many seconds more or less.
            loss: the share of packets that are lost, from 0 to 1.
            wait: until the API, every node and DNS are well, afterwards.
            timeout: seconds for that.

        Raises:
            UsageError: values that are not accepted, or a kernel without netem.
        """
        from pytest_kind.toolbox.faults import network  # noqa: PLC0415 - as above

        return network.slow(self._owner, self, delay=delay, jitter=jitter, loss=loss, wait=wait, timeout=timeout)

    @property
    def _owner(self) -> KindCluster:
        assert self._cluster is not None  # noqa: S101 - nodes that users get have one
        return self._cluster

    def exec(self, *argv: str, timeout: float = 60.0) -> str:
        """Runs a command on the node and returns its standard output.

        Args:
            argv: its words, one by one: ``exec("ls", "-l")``. No shell reads them.
            timeout: seconds until it is killed.

        Raises:
            CommandError: it ended with something else than 0.
            TypeError: a word is something else than a string, such as a list of words.
        """
        for word in argv:
            if not isinstance(word, str):
                raise TypeError(f"exec takes the words of a command one by one, as in exec('ls', '-l'); found {word!r}")
        result = self._provider.exec(self.container, argv, seconds=timeout)
        if result.code:
            raise CommandError(self.name, argv, result.code, result.output)
        return result.stdout

    def copy_out(self, path: str, target: Path) -> None:
        """Copies a file of the node, with its mode.

        Args:
            path: on the node; links are followed.
            target: the new file here.

        Raises:
            CommandError: there is no such file.
        """
        real = self.exec("realpath", "--canonicalize-existing", path).strip()
        with self._provider.get(self.container, real) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                content = archive.extractfile(member)
                if content is not None:
                    with target.open("wb") as file:
                        shutil.copyfileobj(content, file)
                    target.chmod(member.mode)
