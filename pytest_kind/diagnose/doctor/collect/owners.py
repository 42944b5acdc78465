"""Which process has a port, as far as this user may see."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def of_port(protocol: str, port: int) -> str:
    """A process that has the port, ``nginx (process 4711)``; nothing where it cannot be seen."""
    wanted = {f"socket:[{inode}]" for family in ("", "6") for inode in _inodes(Path(f"/proc/net/{protocol}{family}"), port)}
    for process in Path("/proc").glob("[0-9]*") if wanted else ():
        with suppress(OSError):  # another user's, or it ended meanwhile
            if any(str(one.readlink()) in wanted for one in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text(encoding='utf-8').strip()} (process {process.name})"
    return ""


def _inodes(table: Path, port: int) -> list[str]:
    try:
        lines = table.read_text(encoding="utf-8").splitlines()[1:]
    except OSError:
        return []  # not Linux
    rows = [line.split() for line in lines]
    # The local address ends with the port, in hexadecimal; a connection that ended has no inode.
    return [row[9] for row in rows if int(row[1].rpartition(":")[2], 16) == port and row[9] != "0"]
