"""The Go programs of stand-ins: some of Kubernetes' module, in the cluster's version, some of modules with a go.mod here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pytest_kind.errors import KindError
from pytest_kind.image import go_modules
from pytest_kind.image.go_modules import Module, Program
from pytest_kind.image.inputs import Inputs
from pytest_kind.image.workshop import Workshop

_HERE = Path(__file__).parent
_IMAGES = "k8s.io/kubernetes/test/images"
# The file's name -> its package below Kubernetes' test/images.
_KUBERNETES = {
    "agnhost": "agnhost",
    "nnp": "nonewprivs",
    "consumer": "resource-consumer",
    "regression-issue-74839": "regression-issue-74839",
    "sampledeviceplugin": "sample-device-plugin",
    "loader": "apparmor-loader",
}
_CSI = "github.com/kubernetes-csi"


# The first two are of `node-image/go`, the others of the folder `go` here: what is there decides the node image's digest.
MODULES: Mapping[str, Module] = {
    "kubernetes": Module(
        name="kubernetes", programs=tuple(Program(name=name, package=f"{_IMAGES}/{package}") for name, package in _KUBERNETES.items()), usual=120
    ),
    "coredns": go_modules.COREDNS,
    "csi": Module(
        name="csi",
        programs=(
            Program(name="csi-provisioner", package=f"{_CSI}/external-provisioner/v6/cmd/csi-provisioner"),
            Program(name="csi-attacher", package=f"{_CSI}/external-attacher/v4/cmd/csi-attacher"),
            Program(name="csi-resizer", package=f"{_CSI}/external-resizer/v2/cmd/csi-resizer"),
            Program(name="csi-snapshotter", package=f"{_CSI}/external-snapshotter/v8/cmd/csi-snapshotter"),
        ),
        usual=90,
    ),
    "tests": Module(
        name="tests",
        programs=(
            Program(name="sample-apiserver", package="k8s.io/sample-apiserver"),
            Program(name="consume-cpu", package=f"{_IMAGES}/resource-consumer/consume-cpu"),
            *(Program(name=name, package=f"pytest-kind.local/tests/{name}") for name in ("hostpathplugin", "csi-node-driver-registrar", "pause")),
        ),
        usual=20,
    ),
}


@dataclass(frozen=True, slots=True)
class Programs:
    """What could be had.

    Attributes:
        folders: a module's name -> the folder with its programs, whose own name ends with a digest over what they are.
        failures: a module's name -> why there are none.
    """

    folders: Mapping[str, Path]
    failures: Mapping[str, str]


def programs(workshop: Workshop, inputs: Inputs, modules: Iterable[str]) -> Programs:
    """Programs of these modules, from the cache or compiled. One that cannot be had leaves the others as they are."""
    folders, failures = dict[str, Path](), dict[str, str]()
    for name in sorted(set(modules)):
        own = (_HERE / "go" / name).is_dir()
        # CoreDNS is a part of the node image as well. No label begins as another one: old parts are found by it.
        label = name if name == "coredns" else f"stand-ins-{name}"
        try:
            folders[name] = go_modules.build(workshop, replace(inputs, root=_HERE) if own else inputs, MODULES[name], label)
        except KindError as error:
            failures[name] = str(error)
    return Programs(folders, failures)
