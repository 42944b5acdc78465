"""The base layer: a small Debian with systemd. Pulled where a registry answers, else made by debootstrap."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_kind import labels
from pytest_kind.errors import ImageError, NotFound
from pytest_kind.image.workshop import Workshop, need

if TYPE_CHECKING:
    from pytest_kind.image.inputs import Inputs

# Changed when this module makes something else of the same packages.
_MAKER = "1"
_PULL_SECONDS = 120.0
# Documentation, locales and package lists: a third of the size, none of the function.
_LEFT_OUT = ("./usr/share/doc", "./usr/share/man", "./usr/share/locale", "./usr/share/info", "./var/cache/apt", "./var/lib/apt/lists", "./dev")


def base_digest(inputs: Inputs) -> str:
    """Over what the base layer is made of."""
    return inputs.digest_of(_MAKER, inputs.root / "packages.txt", inputs.versions["debian"]["suite"], *_LEFT_OUT)


def base_image(workshop: Workshop, inputs: Inputs) -> str:
    """The base layer's tag in the engine, made if it is not there."""
    digest = base_digest(inputs)
    tag = f"pytest-kind/base:{digest}"
    if workshop.provider.image(tag) is None:
        with workshop.locked(f"base-{digest}", "the base layer"):
            if workshop.provider.image(tag) is None:
                _make(workshop, inputs, tag, digest)
    return tag


def _make(workshop: Workshop, inputs: Inputs, tag: str, digest: str) -> None:
    marks = {labels.KIND: "base-image", labels.IMAGE_DIGEST: digest}
    pulled = inputs.versions["debian"]["image"]
    cached = workshop.cache / "parts" / f"base-{digest}" / "rootfs.tar"
    if not cached.exists():
        try:
            workshop.provider.pull(pulled, _PULL_SECONDS)
        except NotFound as error:
            workshop.progress.note(f"no registry gives {pulled} ({_first_line(error)}): the base layer is bootstrapped from Debian's packages")
        else:
            _from_pulled(workshop, inputs, pulled, tag, marks)
            return
    part = workshop.part("base", digest, lambda target: _bootstrap(workshop, inputs, target), usual=80)
    with workshop.progress.step("importing the base layer"), (part / "rootfs.tar").open("rb") as archive:
        workshop.provider.import_image(archive, tag, marks)


def _from_pulled(workshop: Workshop, inputs: Inputs, pulled: str, tag: str, marks: dict[str, str]) -> None:
    provider = workshop.provider
    builder = provider.create(workshop.builder(pulled, purpose="base"))
    try:
        provider.start(builder)
        install = "apt-get update -qq && apt-get install -y -qq --no-install-recommends " + " ".join(inputs.packages)
        with workshop.progress.step("installing the base layer's packages", 60):
            done = provider.exec(builder, ["sh", "-c", install], seconds=900, environment={"DEBIAN_FRONTEND": "noninteractive"})
        if done.code:
            raise ImageError(f"installing packages into {pulled} failed:\n{done.output[-2000:]}")
        provider.stop(builder, 1)
        provider.commit(builder, tag, labels=marks, entrypoint=(), environment={})
    finally:
        provider.remove(builder)


def _bootstrap(workshop: Workshop, inputs: Inputs, target: Path) -> None:
    if os.geteuid() != 0:
        raise ImageError("the base layer cannot be pulled, and debootstrap needs root: run as root once, or give --kind-image an image that exists")
    debootstrap = need("debootstrap", "`apt-get install debootstrap`, or give --kind-image an image that exists")
    suite = inputs.versions["debian"]["suite"]
    root = workshop.scratch / "debootstrap"
    shutil.rmtree(root, ignore_errors=True)
    packages = ",".join(inputs.packages)
    mirror = _mirror()
    workshop.run(
        [debootstrap, "--variant=minbase", f"--arch={inputs.architecture}", f"--include={packages}", suite, str(root), *([mirror] if mirror else [])],
        env={"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"},
    )
    # The image must not name the mirror of the machine that it was made on.
    (root / "etc/apt/sources.list").write_text("# none: a mirror is the business of the machine that has it\n", encoding="utf-8")
    with tarfile.open(target / "rootfs.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        tar.add(root, ".", filter=lambda entry: None if entry.name.startswith(_LEFT_OUT) else entry)
    shutil.rmtree(root)


def _mirror() -> str | None:
    """The Debian mirror that this machine's apt is configured for, else debootstrap's default."""
    if not shutil.which("apt-get"):
        return None
    said = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"], capture_output=True, text=True, timeout=30, check=False
    )
    return next((line for line in said.stdout.split() if line.rstrip("/").endswith("/debian")), None)


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0]
