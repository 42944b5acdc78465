"""Debian's layer and the small one, by a debootstrap that is a script."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest

from pytest_kind.e2e.images.roots import roots
from pytest_kind.errors import CommandError, ImageError
from pytest_kind.image.inputs import Inputs
from pytest_kind.image.workshop import Workshop

DEBOOTSTRAP = """#!/bin/sh
PATH=/usr/bin:/bin
for last; do :; done
cd "$last" 2>/dev/null || { mkdir -p "$last"; cd "$last"; }
mkdir -p etc/apt usr/bin usr/local/bin usr/lib/x86_64-linux-gnu usr/lib64 usr/share/doc/x var/log dev
echo mirror > etc/apt/sources.list
echo here > etc/hostname
echo root:x:0:0 > etc/passwd
echo root:x:0: > etc/group
for name in bash busybox nc; do echo $name > usr/bin/$name; done
ln -s dash usr/bin/sh
echo libc > usr/lib/x86_64-linux-gnu/libc.so.6
echo tinfo > usr/lib/x86_64-linux-gnu/libtinfo.so.6.4
ln -s libtinfo.so.6.4 usr/lib/x86_64-linux-gnu/libtinfo.so.6
echo ld > usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2
ln -s /usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 usr/lib64/ld-linux-x86-64.so.2
echo noise > var/log/bootstrap.log
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of PATH."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    script(folder / "debootstrap", DEBOOTSTRAP)
    script(folder / "chroot", "#!/bin/sh\necho sh nc wget env\n")
    return folder


def script(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    file.chmod(0o755)


def contents(file: Path) -> dict[str, str]:
    with tarfile.open(file) as tar:
        return {
            one.name: f"-> {one.linkname}" if one.issym() else tar.extractfile(one).read().decode().strip()  # type: ignore[union-attr]
            for one in tar
            if not one.isdir()
        }


@pytest.mark.usefixtures("programs")
def test_debian_has_bash_as_shell_busybox_for_the_rest_and_nothing_of_the_machine(workshop: Workshop, inputs: Inputs) -> None:
    found = contents(roots(workshop, inputs).debian.file)
    assert found["usr/bin/sh"] == "-> bash"
    assert found["usr/bin/nc"] == "nc"
    assert {name: link for name, link in found.items() if name.startswith("usr/local")} == {
        "usr/local/bin/env": "-> /usr/bin/busybox",
        "usr/local/bin/wget": "-> /usr/bin/busybox",
    }
    assert found["etc/passwd"].splitlines()[1].startswith("user-defined-in-image:x:1000:1000:")
    assert "group-defined-in-image:x:50000:user-defined-in-image" in found["etc/group"]
    assert not {"etc/hostname", "etc/apt/sources.list", "var/log/bootstrap.log"} & found.keys()


@pytest.mark.usefixtures("programs")
def test_the_small_layer_is_busybox_bash_and_what_bash_loads(workshop: Workshop, inputs: Inputs) -> None:
    assert contents(roots(workshop, inputs).small.file) == {
        "bin/bash": "bash",
        "bin/busybox": "busybox",
        "bin/env": "-> busybox",
        "bin/nc": "-> busybox",
        "bin/sh": "-> bash",
        "bin/wget": "-> busybox",
        "etc/group": "root:x:0:\nuser-defined-in-image:x:1000:\ngroup-defined-in-image:x:50000:user-defined-in-image",
        "etc/nsswitch.conf": "hosts: files dns",
        "etc/passwd": "root:x:0:0\nuser-defined-in-image:x:1000:1000::/home/user-defined-in-image:/bin/sh",
        "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2": "ld",
        "lib/x86_64-linux-gnu/libc.so.6": "libc",
        "lib/x86_64-linux-gnu/libtinfo.so.6": "tinfo",
        "lib64/ld-linux-x86-64.so.2": "ld",
        "sbin": "-> bin",
        "usr/bin": "-> ../bin",
        "usr/sbin": "-> ../bin",
    }


def test_it_is_made_once_and_a_failure_leaves_nothing(workshop: Workshop, inputs: Inputs, programs: Path, cache: Path) -> None:
    script(programs / "debootstrap", "#!/bin/sh\necho no mirror answers\nexit 3\n")
    with pytest.raises(CommandError, match=r"ended with 3:\nno mirror answers"):
        roots(workshop, inputs)
    assert list(cache.glob("parts/*")) == []
    script(programs / "debootstrap", DEBOOTSTRAP)
    made = roots(workshop, inputs)
    script(programs / "debootstrap", "#!/bin/sh\nexit 4\n")
    assert roots(workshop, inputs) == made


def test_only_root_can_make_it(workshop: Workshop, inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ImageError, match="debootstrap needs root: run `pytest-kind build stand-ins` as root once"):
        roots(workshop, inputs)


def test_without_debootstrap_it_says_how_to_get_it(workshop: Workshop, inputs: Inputs, programs: Path) -> None:
    (programs / "debootstrap").unlink()
    with pytest.raises(CommandError, match="debootstrap is not installed: `apt-get install debootstrap`"):
        roots(workshop, inputs)
