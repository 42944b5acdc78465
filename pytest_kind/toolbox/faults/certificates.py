"""Until when a cluster's certificates are good, and an API server with one that is not any more.

Clocks are the machine's and are left alone. A certificate of yesterday is made of the one that is there: the same key, names and uses,
signed by the same authority. It lies over the other one (a mount), and the API server begins anew with it.
"""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pytest_kind.errors import CommandError, UsageError
from pytest_kind.toolbox.faults.causing import Fault, caused, each, remembers, run, well
from pytest_kind.toolbox.faults.components import RESTART, control_planes
from pytest_kind.waiting import Deadline, NotYet, wait_for

if TYPE_CHECKING:
    from pytest_kind.boot.context import BootMachine
    from pytest_kind.handle import KindCluster
    from pytest_kind.node import KindNode

_API_SERVER = "kube-apiserver"
# Those that the API server uses, and who has signed them (https://kubernetes.io/docs/setup/best-practices/certificates/).
AUTHORITIES = {
    "apiserver": "ca",
    "apiserver-etcd-client": "etcd/ca",
    "apiserver-kubelet-client": "ca",
    "front-proxy-client": "front-proxy-ca",
}
_PKI = "/etc/kubernetes/pki"
_FOLDER = "/run/pytest-kind-expired"
# Arguments: the certificate, its authority.
_EXPIRE = f"""set -e
cd {_PKI}
mkdir -p {_FOLDER}
chmod 700 {_FOLDER}
if grep -q " {_PKI}/$1.crt " /proc/self/mounts; then echo "it has expired already" >&2; exit 1; fi
openssl x509 -x509toreq -in "$1.crt" -signkey "$1.key" -copy_extensions copyall 2>/dev/null |
  openssl x509 -req -CA "$2.crt" -CAkey "$2.key" -days -1 -copy_extensions copyall -out "{_FOLDER}/$1.crt" 2>/dev/null
mount --bind "{_FOLDER}/$1.crt" "$1.crt"
"""
_RENEW = f"""set -e
! grep -q " {_PKI}/$1.crt " /proc/self/mounts || umount --lazy "{_PKI}/$1.crt"
rm -f "{_FOLDER}/$1.crt"
"""
# Whatever its certificate is; without a way to etcd it never is.
_READY = (
    "kubectl --kubeconfig /etc/kubernetes/admin.conf --server https://localhost:6443 --insecure-skip-tls-verify "
    "--request-timeout 2s get --raw /readyz"
)
_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate of a control plane.

    Attributes:
        node: where it lies.
        name: what kubeadm calls it: ``apiserver``, ``admin.conf``, ``etcd-ca``.
        authority: who has signed it, by the same names; empty for an authority itself.
        expires: when it does, in UTC.
    """

    node: str
    name: str
    authority: str
    expires: datetime


def certificates(cluster: KindCluster) -> tuple[Certificate, ...]:
    """Those of every control plane that runs.

    Raises:
        UsageError: none runs.
        CommandError: kubeadm cannot tell.
    """
    found = []
    for one in control_planes(cluster, "certificates()", _API_SERVER, None):
        said = json.loads(run(cluster, one, ["kubeadm", "certs", "check-expiration", "--output", "json"]))
        found += [
            Certificate(one.name, row["name"], row.get("caName", ""), datetime.fromisoformat(row["expirationDate"]))
            for row in (*said["certificates"], *said["certificateAuthorities"])
            if not row.get("missing")
        ]
    return tuple(found)


def expired(cluster: KindCluster, name: str, node: KindNode | str | None, *, wait: bool, timeout: float) -> AbstractContextManager[None]:
    """An API server with a certificate that has expired, on one control plane or on all that run.

    Raises:
        UsageError: there is no such certificate, or the node is no control plane that runs.
    """
    what = f"expired({name!r})"
    if name not in AUTHORITIES:
        raise UsageError(f"{what}: {name!r} is not accepted; accepted are {', '.join(AUTHORITIES)}")
    machines: list[BootMachine] = []

    def begin() -> None:
        machines.extend(control_planes(cluster, what, _API_SERVER, node))
        for one in machines:
            run(cluster, one, ["sh", "-c", _EXPIRE, "expire", name, AUTHORITIES[name]])
            run(cluster, one, ["sh", "-c", RESTART, "restart", _API_SERVER])
        if name != "apiserver-etcd-client":
            deadline = Deadline(timeout)
            each(lambda one: _ready(cluster, one, deadline), machines)

    def renew(machine: BootMachine) -> None:
        if remembers(cluster, machine):
            run(cluster, machine, ["sh", "-c", _RENEW, "renew", name])
            run(cluster, machine, ["sh", "-c", RESTART, "restart", _API_SERVER])

    return caused(
        cluster,
        Fault(what=what, begin=begin, undo=lambda: each(renew, machines), waits=well(cluster, timeout) if wait else {}, machines=machines),
    )


def _ready(cluster: KindCluster, machine: BootMachine, deadline: Deadline) -> None:
    def probe() -> NotYet | bool:
        try:
            run(cluster, machine, ["sh", "-c", _READY], 5)
        except CommandError as error:
            return NotYet(error.output.strip() or f"exit code {error.code}")
        return True

    wait_for(f"the API server of {machine.name} is ready", probe, deadline, every=_POLL_SECONDS)
