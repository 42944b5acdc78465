"""What stands in for which image of the upstream specs. Pure data: names, tags and files' sources, in the order of need.

Upstream's own recipes are in Kubernetes' ``test/images``; entrypoints, commands and users are theirs. Tags are never named
here: they are those of the suite's list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from pytest_kind.e2e.images.names import repository, wanted

Base = Literal["debian", "small", ""]
Kind = Literal["program", "registry", "source", "text", "link", "folder"]
_E2E = "registry.k8s.io/e2e-test-images"
_CSI = "registry.k8s.io/sig-storage"


@dataclass(frozen=True, slots=True)
class Put:
    """One file of an image.

    Attributes:
        kind: where it comes from: a Go ``program`` (``module/name``), Kubernetes' ``source`` (a path in it), this ``text``;
            or it is a ``link``, a ``folder``, or a ``registry`` as agnhost serves it, with an image of one program (``module/name``).
        mode: its permissions.
    """

    kind: Kind
    value: str = ""
    mode: int = 0o644


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn:
    """A stand-in, whatever its tag.

    Attributes:
        repository: the upstream name without its tag.
        made_of: for people.
        base: the layer below: Debian with the tools that specs call, busybox with bash, or none.
        layers: what lies above it: path in the image, without a leading slash -> what is there. Equal ones are made and kept once.
        entrypoint: as upstream's.
        command: as upstream's.
        user: as upstream's; root by default.
    """

    repository: str
    made_of: str
    base: Base
    layers: tuple[Mapping[str, Put], ...] = ()
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    user: str = ""

    @property
    def modules(self) -> frozenset[str]:
        """The Go modules that its programs come from."""
        return frozenset(put.value.partition("/")[0] for files in self.layers for put in files.values() if put.kind in {"program", "registry"})


def _program(name: str, mode: int = 0o755) -> Put:
    return Put("program", name, mode)


_COREDNS = {"coredns": _program("coredns/coredns")}
_AGNHOST = {
    "agnhost": _program("kubernetes/agnhost"),
    "agnhost-2": Put("link", "agnhost"),
    "localhost.crt": Put("source", "test/images/agnhost/porter/localhost.crt"),
    "localhost.key": Put("source", "test/images/agnhost/porter/localhost.key"),
    "uploads": Put("folder", mode=0o755),
    "var/registry/pause": Put("registry", "tests/pause"),
}
# Upstream's image listens on IPv6 where there is any; nginx itself fails on a machine that has none.
_NGINX = """#!/bin/sh
if [ -f /proc/net/if_inet6 ]; then sed -i 's/^    listen 80;$/    listen 80; listen [::]:80;/' /etc/nginx/conf.d/default.conf; fi
exec "$@"
"""
_NGINX_CONF = """user www-data;
worker_processes auto;
pid /run/nginx.pid;
error_log /dev/stderr notice;
events { worker_connections 1024; }
http {
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    access_log /dev/stdout;
    sendfile on;
    keepalive_timeout 65;
    include /etc/nginx/conf.d/*.conf;
}
"""
_NGINX_SITE = """server {
    listen 80;
    server_name localhost;
    location / { root /usr/share/nginx/html; index index.html index.htm; }
    error_page 500 502 503 504 /50x.html;
}
"""


def _pet(name: str) -> StandIn:
    """The update demo's two web servers: agnhost, which serves a picture."""
    folder = f"test/images/{name}/html"
    layers = (_COREDNS, _AGNHOST, {f"{name}.jpg": Put("source", f"{folder}/{name}.jpg"), "data.json": Put("source", f"{folder}/data.json")})
    made_of = "agnhost and Kubernetes' picture, on Debian"
    return StandIn(repository=f"{_E2E}/{name}", made_of=made_of, base="debian", layers=layers, entrypoint=("/agnhost",), command=("test-webserver",))


def _test_program(name: str, **files: str) -> StandIn:
    """An image around programs of Kubernetes' ``test/images``, the first of which it runs."""
    puts = {path: _program(f"kubernetes/{program}") for path, program in files.items()}
    return StandIn(
        repository=f"{_E2E}/{name}", made_of="Kubernetes' own program, on Debian", base="debian", layers=(puts,), entrypoint=(f"/{next(iter(puts))}",)
    )


def _csi(program: str, made_of: str = "the project's own Go module", module: str = "csi") -> StandIn:
    files = {program: _program(f"{module}/{program}")}
    return StandIn(repository=f"{_CSI}/{program}", made_of=made_of, base="", layers=(files,), entrypoint=(f"/{program}",))


STAND_INS = (
    StandIn(
        repository=f"{_E2E}/agnhost",
        made_of="Kubernetes' agnhost and CoreDNS from Go modules, on Debian",
        base="debian",
        layers=(_COREDNS, _AGNHOST),
        entrypoint=("/agnhost",),
        command=("pause",),
    ),
    StandIn(repository=f"{_E2E}/busybox", made_of="Debian's busybox, with bash as its shell", base="small", command=("sh",)),
    StandIn(
        repository=f"{_E2E}/nginx",
        made_of="Debian's nginx",
        base="debian",
        layers=(
            {
                "docker-entrypoint.sh": Put("text", _NGINX, 0o755),
                "etc/nginx/nginx.conf": Put("text", _NGINX_CONF),
                "etc/nginx/conf.d/default.conf": Put("text", _NGINX_SITE),
                "var/log/nginx": Put("folder", mode=0o755),
            },
        ),
        entrypoint=("/docker-entrypoint.sh",),
        command=("nginx", "-g", "daemon off;"),
    ),
    _pet("kitten"),
    _pet("nautilus"),
    StandIn(
        repository=f"{_E2E}/nonewprivs",
        made_of="Kubernetes' own program, on busybox",
        base="small",
        layers=({"usr/local/bin/nnp": _program("kubernetes/nnp", 0o6755)},),
        command=("nnp",),
    ),
    StandIn(repository=f"{_E2E}/nonroot", made_of="Debian, as user 1234", base="debian", command=("bash",), user="1234"),
    StandIn(
        repository=f"{_E2E}/sample-apiserver",
        made_of="Kubernetes' sample-apiserver from its Go module, on busybox",
        base="small",
        layers=({"sample-apiserver": _program("tests/sample-apiserver")},),
        entrypoint=("/sample-apiserver",),
    ),
    StandIn(
        repository=f"{_E2E}/resource-consumer",
        made_of="Kubernetes' own programs, on Debian",
        base="debian",
        layers=({"consumer": _program("kubernetes/consumer"), "consume-cpu": _program("tests/consume-cpu")},),
        entrypoint=("/consumer",),
    ),
    StandIn(
        repository=f"{_E2E}/glibc-dns-testing",
        made_of="Debian's dnsutils and CoreDNS",
        base="debian",
        layers=(_COREDNS,),
        command=("bash",),
    ),
    StandIn(repository=f"{_E2E}/ipc-utils", made_of="Debian's util-linux", base="debian", command=("bash",)),
    StandIn(repository=f"{_E2E}/perl", made_of="Debian's perl-base", base="debian", command=("perl", "-de0")),
    StandIn(repository="registry.k8s.io/build-image/distroless-iptables", made_of="Debian's iptables and nftables", base="debian"),
    _test_program("regression-issue-74839", **{"regression-issue-74839": "regression-issue-74839"}),
    StandIn(
        repository=f"{_E2E}/sample-device-plugin",
        made_of="Kubernetes' own program, on busybox",
        base="small",
        layers=({"sampledeviceplugin": _program("kubernetes/sampledeviceplugin")},),
        entrypoint=("/sampledeviceplugin", "-alsologtostderr"),
    ),
    StandIn(
        repository=f"{_E2E}/apparmor-loader",
        made_of="Kubernetes' own program and Debian's apparmor",
        base="debian",
        layers=({"usr/bin/loader": _program("kubernetes/loader")},),
        entrypoint=("/usr/bin/loader", "-logtostderr", "-v=2"),
        command=("/profiles",),
    ),
    _csi("csi-provisioner"),
    _csi("csi-attacher"),
    _csi("csi-resizer"),
    _csi("csi-snapshotter"),
    _csi("csi-node-driver-registrar", "a program of ours", "tests"),
    _csi(
        "hostpathplugin",
        "Kubernetes' own mock of a CSI driver: enough for the CSI mock specs, not for those of the hostpath driver",
        "tests",
    ),
)

# Why nothing stands in for the others, for whoever reads the list.
_NO_MODULE = "its project cannot be had as a Go module"
_OTHERS = {
    "registry.k8s.io/etcd": "every node has it: the control plane runs on it",
    "registry.k8s.io/pause": "every node has it: its containerd runs pods on it",
    f"{_CSI}/livenessprobe": _NO_MODULE,
    f"{_CSI}/nfs-provisioner": "it serves NFS by a server of its own",
    f"{_E2E}/volume/nfs": "it serves NFS by the kernel's server, which few machines have loaded",
    f"{_E2E}/volume/iscsi": "it serves iSCSI by the kernel's target, which few machines have loaded",
}
_UNKNOWN = "no stand-in is known"


@dataclass(frozen=True, slots=True)
class Choice:
    """What of a list can be made, and why the rest cannot."""

    made: Mapping[str, StandIn]
    left_out: Mapping[str, str]


def choose(images: Iterable[str]) -> Choice:
    """A stand-in for each image that has one. Images whose pull specs expect to fail are in neither list."""
    known = {one.repository: one for one in STAND_INS}
    needed = wanted(images)
    made = {image: known[repository(image)] for image in needed if repository(image) in known}
    return Choice(made, {image: _OTHERS.get(repository(image), _UNKNOWN) for image in needed if image not in made})
