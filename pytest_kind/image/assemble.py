"""Puts a node image together: a container from the base layer, files in, images preloaded, committed."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_kind import labels
from pytest_kind.errors import CommandError, ImageError
from pytest_kind.image import archive, debian, derived, go_modules
from pytest_kind.image.workshop import Workshop, need
from pytest_kind.provision.provider import Image

if TYPE_CHECKING:
    from pytest_kind.image.inputs import Inputs
    from pytest_kind.image.source import Source

ENTRYPOINT = ("/usr/local/bin/entrypoint", "/sbin/init")
_CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
_PROXY = "kube-proxy"
_NODE = ("kubeadm", "kubectl", "kubelet")
_SCRATCH = "/build"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The compiled half of an image: folders of programs. ``kubernetes`` may have images of its own (``Source.programs``)."""

    kubernetes: Path
    containerd: Path
    cni: Path
    etcd: Path
    coredns: Path
    local_path: Path
    pause: Path
    tags: Mapping[str, str]

    @property
    def others(self) -> list[str]:
        """The names of all parts but Kubernetes, which end with their digests."""
        return [part.name for part in (self.containerd, self.cni, self.etcd, self.coredns, self.local_path, self.pause)]


def build_parts(workshop: Workshop, inputs: Inputs, source: Source) -> Parts:
    """Compiles what the cache lacks, the quick ones first: what fails then fails early."""
    constants = source.components(workshop, inputs)
    pause_source = source.pause(workshop, inputs)
    pause_digest = inputs.digest_of(pause_source.read_text(encoding="utf-8"), constants["pause"])
    return Parts(
        pause=workshop.part("pause", pause_digest, lambda target: _compile_pause(workshop, inputs, pause_source, target, constants["pause"])),
        cni=go_modules.build(workshop, inputs, go_modules.CNI),
        # The image's tag has a release number of its own: 3.7.0-0.
        etcd=go_modules.build(workshop, inputs, go_modules.ETCD, version=f"v{constants['etcd'].rsplit('-', 1)[0]}"),
        local_path=go_modules.build(workshop, inputs, go_modules.LOCAL_PATH),
        containerd=go_modules.build(workshop, inputs, go_modules.CONTAINERD),
        coredns=go_modules.build(workshop, inputs, go_modules.COREDNS, version=constants["coredns"]),
        kubernetes=source.programs(workshop, inputs),
        tags=constants,
    )


def _compile_pause(workshop: Workshop, inputs: Inputs, source: Path, target: Path, version: str) -> None:
    """Kubernetes' own pause: the one program of the image that is C."""
    compilers = {"amd64": ("cc", "x86_64-linux-gnu-gcc"), "arm64": ("cc", "aarch64-linux-gnu-gcc")}.get(inputs.architecture, ("cc",))
    import platform  # noqa: PLC0415 - only needed where something is compiled

    native = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine()) == inputs.architecture
    compiler = need(compilers[0] if native else compilers[-1], f"`apt-get install gcc libc6-dev` (for {inputs.architecture}: {compilers[-1]})")
    workshop.run([compiler, "-Os", "-Wall", "-Werror", "-static", f"-DVERSION=v{version}", "-o", str(target / "pause"), str(source)])


def assemble(workshop: Workshop, inputs: Inputs, source: Source) -> Image:
    """Builds the node image of these inputs and returns it, tagged and labelled with their digest.

    The builder carries the session's labels, so that it is swept when this process dies; the image must not.
    """
    parts = build_parts(workshop, inputs, source)
    provider = workshop.provider
    recipe = derived.recipe(inputs, parts.kubernetes, [json.dumps(dict(parts.tags), sort_keys=True), debian.base_digest(inputs), *parts.others])
    start = derived.nearest(provider.images({labels.KIND: "node-image"}), recipe)
    base = debian.base_image(workshop, inputs) if start is None else start.image.id
    what = "" if start is None else f" from {start.image.tags[0]}, with another {', '.join(sorted(start.changed)) or 'label'}"
    with workshop.progress.step(f"assembling node image {inputs.tag}{what}", 60 if start is None else None):
        builder = provider.create(workshop.builder(base, purpose="builder", volume=_SCRATCH))
        try:
            provider.start(builder)
            _Builder(workshop, inputs, parts, builder, None if start is None else start.changed).fill()
            provider.stop(builder, 0)
            return provider.commit(
                builder,
                inputs.tag,
                labels={
                    labels.KIND: "node-image",
                    labels.IMAGE_DIGEST: inputs.digest,
                    labels.FACTS: json.dumps(
                        {
                            "kubernetes": inputs.kubernetes,
                            "source": inputs.source,
                            "made": int(time.time()),
                            **replace(recipe, depth=0 if start is None else start.depth).as_facts(),
                        }
                    ),
                },
                entrypoint=ENTRYPOINT,
                environment={"container": "docker", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
            )
        finally:
            provider.remove(builder)


@dataclass(frozen=True, slots=True)
class _Builder:
    """The steps inside the builder container, in order.

    Attributes:
        changed: the files of Kubernetes that are to replace those of a node image; nothing where it begins with the base layer.
    """

    workshop: Workshop
    inputs: Inputs
    parts: Parts
    container: str
    changed: frozenset[str] | None = None

    def fill(self) -> None:
        self._put_files()
        if self.changed is None:
            self._run("configure", *self.inputs.masked_units)
        images = self._write_images()
        archives = {file.name: file for file in (*images, *self._images_of_the_source()) if file in images or self._is_new(file.name)}
        with archive.files_archive(archives, self.workshop.scratch) as files:
            self.workshop.provider.put(self.container, _SCRATCH, files)
        for file in images:
            file.unlink()
        found = set(self._run("preload", _SCRATCH, *(f"{_SCRATCH}/{name}" for name in archives)).split())
        # kubeadm names the images it will ask for: one that is missing would be pulled at boot, or hang it.
        wanted = set(self._exec(["kubeadm", "config", "images", "list", "--kubernetes-version", self.inputs.kubernetes]).split())
        if not wanted <= found:
            raise ImageError(
                f"the node image lacks {', '.join(sorted(wanted - found))}, which its kubeadm asks for; it has {', '.join(sorted(found))}"
            )
        self._exec(["rm", "-rf", "/kind/build"])

    def _put_files(self) -> None:
        root = self.inputs.root
        files: dict[str, bytes | Path] = {f"kind/build/{file.name}": file for file in sorted((root / "build").iterdir())}
        files |= {f"usr/bin/{program}": self.parts.kubernetes / program for program in _NODE if self._is_new(program)}
        if self.changed is None:
            files |= self._files_of_the_rest(root)
        with archive.files_archive(files, self.workshop.scratch) as tar:
            self.workshop.provider.put(self.container, "/", tar)

    def _is_new(self, name: str) -> bool:
        return self.changed is None or name in self.changed

    def _files_of_the_rest(self, root: Path) -> dict[str, bytes | Path]:
        folder = root / "rootfs"
        files: dict[str, bytes | Path] = {str(file.relative_to(folder)): file for file in sorted(folder.rglob("*")) if file.is_file()}
        replaced = {
            "@PAUSE@": self.parts.tags["pause"],
            "@LOCAL_PATH_PROVISIONER@": self.inputs.versions["images"]["local-path-provisioner"],
            "@BUSYBOX@": self.inputs.versions["images"]["busybox"],
        }
        for name in ("etc/containerd/config.toml", "kind/manifests/default-storage.yaml", "kind/manifests/default-cni.yaml"):
            files[name] = _replace((root / "rootfs" / name).read_text(encoding="utf-8"), replaced).encode()
        for place, target in ((self.parts.containerd, "usr/local/bin"), (self.parts.cni, "opt/cni/bin")):
            files |= {f"{target}/{file.name}": file for file in sorted(place.iterdir())}
        files["kind/version"] = self.inputs.kubernetes.encode()  # kind reads it
        return files

    def _write_images(self) -> list[Path]:
        """The control plane's images, where the source has none, and ours, as one archive: those that are to be put in."""
        scratch, parts, tags = self.workshop.scratch, self.parts, self.parts.tags
        work = scratch / "layers"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        if self._is_new(_PROXY):
            self._run("layers", f"{_SCRATCH}/proxy", f"{_SCRATCH}/busybox")
        plans: list[archive.ImagePlan] = []

        def layer(name: str, files: Mapping[str, Path], capabilities: Mapping[str, str] | None = None) -> Path:
            return archive.write_layer(work / f"{name}.tar", files, capabilities)

        def fetched(name: str) -> Path:
            with self.workshop.provider.get(self.container, f"{_SCRATCH}/{name}") as stream:
                return archive.rebase_layer(stream, name, work / f"{name}.tar")

        def plan(tag: str, layers: Sequence[Path], entrypoint: Sequence[str] = (), user: str = "") -> None:
            plans.append(archive.ImagePlan(tag=tag, layers=layers, entrypoint=entrypoint, user=user))

        theirs = {file.stem for file in self._images_of_the_source()}
        for program in (*_CONTROL_PLANE, _PROXY):
            if program not in theirs and self._is_new(program):
                program_layer = layer(program, {f"usr/local/bin/{program}": parts.kubernetes / program})
                below = [fetched("proxy")] if program == _PROXY else []
                plan(f"registry.k8s.io/{program}:{self.inputs.image_version}", [*below, program_layer])
        if self.changed is None:
            plan(
                f"registry.k8s.io/etcd:{tags['etcd']}",
                [layer("etcd", {f"usr/local/bin/{name}": parts.etcd / name for name in ("etcd", "etcdctl", "etcdutl")})],
            )
            # As upstream's: not root, and the file may bind port 53.
            coredns = layer("coredns", {"coredns": parts.coredns / "coredns"}, {"coredns": archive.CAP_NET_BIND_SERVICE})
            plan(f"registry.k8s.io/coredns/coredns:{tags['coredns']}", [coredns], ["/coredns"], "65532:65532")
            plan(f"registry.k8s.io/pause:{tags['pause']}", [layer("pause", {"pause": parts.pause / "pause"})], ["/pause"], "65535:65535")
            busybox = fetched("busybox")
            plans.append(archive.ImagePlan(tag=self.inputs.versions["images"]["busybox"], layers=[busybox], command=["sh"]))
            provisioner = layer("local-path", {"usr/local/bin/local-path-provisioner": parts.local_path / "local-path-provisioner"})
            plan(self.inputs.versions["images"]["local-path-provisioner"], [busybox, provisioner])
        written = [archive.write_images(scratch / "images.tar", self.inputs.architecture, plans)] if plans else []
        shutil.rmtree(work)
        return written

    def _images_of_the_source(self) -> list[Path]:
        return sorted(self.parts.kubernetes.glob("*.tar"))

    def _run(self, script: str, *arguments: str) -> str:
        return self._exec([f"/kind/build/{script}", *arguments])

    def _exec(self, argv: Sequence[str]) -> str:
        result = self.workshop.provider.exec(self.container, argv, seconds=600)
        if result.code:
            raise CommandError("the image's builder container", argv, result.code, result.output)
        return result.stdout


def _replace(text: str, values: Mapping[str, str]) -> str:
    for key, value in values.items():
        text = text.replace(key, value)
    return text
