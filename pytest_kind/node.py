"""The handle on a node."""

from __future__ import annotations

import shutil
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_kind.errors import CommandError

if TYPE_CHECKING:
    from pytest_kind.provision.provider import Provider


@dataclass(frozen=True, slots=True)
class KindNode:
    """A node of a cluster: its name, its role (``control-plane``), its container."""

    name: str
    role: str
    container: str
    _provider: Provider = field(repr=False)

    def stop(self) -> None:
        """Shuts the node down; the cluster notices as it would with a machine."""
        self._provider.stop(self.container, 10)

    def kill(self) -> None:
        """Ends the node at once, as a power cut does."""
        self._provider.kill(self.container, "SIGKILL")

    def start(self) -> None:
        """Starts a node that is stopped or was killed. Does not wait: see :meth:`KindCluster.wait_until_well`."""
        self._provider.start(self.container)

    def exec(self, *argv: str, timeout: float = 60.0) -> str:
        """Runs a command on the node and returns its standard output.

        Args:
            timeout: seconds until it is killed.

        Raises:
            CommandError: it ended with something else than 0.
        """
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
