"""The two layers that stand-ins share: Debian with the tools that specs call, and busybox with bash. Made by debootstrap, once."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_kind.e2e.images.layers import Layer, Node, add_nodes, add_tree, pack, packed
from pytest_kind.errors import ImageError
from pytest_kind.image import debian
from pytest_kind.image.workshop import Workshop, need

if TYPE_CHECKING:
    from pytest_kind.image.inputs import Inputs

# Changed when this module makes something else of the same packages.
_MAKER = "1"
_USUAL = 60
_LEFT_OUT = ("usr/share/doc/*", "usr/share/man/*", "usr/share/locale/*", "usr/share/info/*", "var/cache/*", "var/lib/apt/lists/*", "var/log/*", "dev")
# Who upstream's agnhost knows (its Dockerfile).
_USERS = "user-defined-in-image:x:1000:1000::/home/user-defined-in-image:/bin/sh\n"
_GROUPS = "user-defined-in-image:x:1000:\ngroup-defined-in-image:x:50000:user-defined-in-image\n"
# bash and what it loads; busybox is static. Debian's own shells drop variables whose names have a dash, which specs set.
_SMALL = (
    "usr/lib/*-linux-*/libc.so.6",
    "usr/lib/*-linux-*/libtinfo.so.6",
    "usr/lib/*-linux-*/ld-linux*.so.*",
    "usr/lib64/ld-linux*.so.*",
    "usr/lib/ld-linux*.so.*",
)
_PACKAGES = Path(__file__).with_name("packages.txt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Roots:
    """The layers, by the names that the catalogue has for them."""

    debian: Layer
    small: Layer


def roots(workshop: Workshop, inputs: Inputs) -> Roots:
    """The layers, from the cache or made.

    Raises:
        ImageError: they have to be made, and this is not root.
        CommandError: debootstrap is not there, or fails; no mirror of Debian answers.
    """
    suite = inputs.versions["debian"]["suite"]
    digest = inputs.digest_of(_MAKER, _PACKAGES.read_text(encoding="utf-8"), suite, *_LEFT_OUT, *_SMALL, _USERS, _GROUPS)
    part = workshop.part("stand-ins-debian", digest, lambda target: _make(workshop, inputs, target), _USUAL)
    return Roots(debian=packed(part / "debian.tar.gz"), small=packed(part / "small.tar.gz"))


def _make(workshop: Workshop, inputs: Inputs, target: Path) -> None:
    if os.geteuid() != 0:
        raise ImageError("stand-ins are made of Debian's packages, and debootstrap needs root: run `pytest-kind build stand-ins` as root once")
    debootstrap = need("debootstrap", "`apt-get install debootstrap`")
    root = workshop.scratch / "stand-ins-root"
    shutil.rmtree(root, ignore_errors=True)
    lines = _PACKAGES.read_text(encoding="utf-8").splitlines()
    packages = ",".join(line for line in lines if line and not line.startswith("#"))
    # Renaming it there would give every node image another digest.
    mirror = debian._mirror()  # noqa: SLF001
    suite = inputs.versions["debian"]["suite"]
    argv = [
        debootstrap,
        "--variant=minbase",
        f"--arch={inputs.architecture}",
        f"--include={packages}",
        suite,
        str(root),
        *([mirror] if mirror else []),
    ]
    workshop.run(argv, env={"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"})
    applets = workshop.run(["chroot", str(root), "/usr/bin/busybox", "--list"]).split()
    _finish(root, applets)
    pack(target / "debian.tar.gz", lambda tar: add_tree(tar, root, lambda path: any(fnmatch(path, pattern) for pattern in _LEFT_OUT)))
    nodes = small(root, applets)
    pack(target / "small.tar.gz", lambda tar: add_nodes(tar, nodes))
    shutil.rmtree(root)


def _finish(root: Path, applets: list[str]) -> None:
    """Debian as specs know upstream's images: bash as the shell, busybox for what no package brings, agnhost's users."""
    # The image must not name the mirror of the machine that it was made on, nor that machine's name and servers.
    for name in ("apt/sources.list", "hostname", "resolv.conf", "machine-id"):
        (root / "etc" / name).unlink(missing_ok=True)
    for name, text in (("passwd", _USERS), ("group", _GROUPS)):
        with (root / "etc" / name).open("a", encoding="utf-8") as file:
            file.write(text)
    shell = root / "usr/bin/sh"
    shell.unlink()
    shell.symlink_to("bash")
    there = {path.name for folder in ("usr/bin", "usr/sbin", "bin", "sbin") for path in (root / folder).glob("*")}
    for applet in applets:
        if applet not in there:
            (root / "usr/local/bin" / applet).symlink_to("/usr/bin/busybox")


def small(root: Path, applets: list[str]) -> Mapping[str, Node]:
    """Busybox and bash, out of a Debian with them: what to put into the layer."""
    nodes = {
        "bin/busybox": Node(content=root / "usr/bin/busybox", mode=0o755),
        "bin/bash": Node(content=root / "usr/bin/bash", mode=0o755),
        "etc/passwd": Node(content=root / "etc/passwd"),
        "etc/group": Node(content=root / "etc/group"),
        "etc/nsswitch.conf": Node(content=b"hosts: files dns\n"),
        "home": Node(mode=0o755),
        "root": Node(mode=0o700),
        "sbin": Node(link="bin"),
        "tmp": Node(mode=0o1777),
        "usr/bin": Node(link="../bin"),
        "usr/sbin": Node(link="../bin"),
        "var/www": Node(mode=0o755),
    }
    for applet in applets:
        nodes.setdefault(f"bin/{applet}", Node(link="busybox"))
    nodes["bin/sh"] = Node(link="bash")
    for pattern in _SMALL:
        for found in sorted(root.glob(pattern)):
            path = str(found.relative_to(root / "usr"))
            nodes[path] = Node(content=found.resolve() if found.is_relative_to(root) and not found.is_symlink() else _within(root, found), mode=0o755)
    return nodes


def _within(root: Path, link: Path) -> Path:
    """What a link of the root means there, not on this machine."""
    target = link.readlink()
    inside = root / str(target).lstrip("/") if target.is_absolute() else link.parent / target
    return _within(root, inside) if inside.is_symlink() else inside
