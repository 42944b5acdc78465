"""A certificate for a name in the cluster, and an authority for it alone. The node's own openssl makes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_kind.errors import CommandError, KindError

if TYPE_CHECKING:
    from pytest_kind.node import KindNode

# The authority's key signs once and is gone: nothing else can ever be signed with it. Files are in memory, and go with the script.
_SCRIPT = """
set -o errexit -o nounset
umask 077
at=$(mktemp --directory --tmpdir=/run pytest-kind-XXXXXXXX)
trap 'rm -rf "$at"' EXIT
cd "$at"
new() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days "$DAYS" -keyout "$1.key" -out "$1.crt" "${@:2}" 2>said || {
    cat said >&2
    exit 1
  }
}
new ca -subj "/CN=pytest-kind, for one exposed server" -addext keyUsage=critical,keyCertSign
new server -CA ca.crt -CAkey ca.key -subj "/CN=$1" -addext "subjectAltName=$2" -addext extendedKeyUsage=serverAuth \\
  -addext basicConstraints=critical,CA:FALSE -addext keyUsage=critical,digitalSignature
cat ca.crt server.crt server.key
"""
_DAYS = 3650
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n", re.DOTALL)
_KEY = re.compile(r"-----BEGIN (?:EC )?PRIVATE KEY-----.+?-----END (?:EC )?PRIVATE KEY-----\n", re.DOTALL)
_COMMON_NAME = 64  # bytes, X.520's limit


@dataclass(frozen=True, slots=True, repr=False)
class Issued:
    """PEM texts. Never printed."""

    authority: str
    certificate: str
    key: str


def issue(node: KindNode, names: Sequence[str], addresses: Sequence[str]) -> Issued:
    """A certificate of ten years for a server.

    Args:
        names: for which DNS names; the first that is short enough is its subject.
        addresses: and for which IP addresses.

    Raises:
        KindError: the node could not make it.
    """
    subject = next((name for name in names if len(name) <= _COMMON_NAME), "exposed")
    alternatives = ",".join([*(f"DNS:{name}" for name in names), *(f"IP:{address}" for address in addresses)])
    try:
        said = node.exec("bash", "-c", f"DAYS={_DAYS}\n{_SCRIPT}", "openssl", subject, alternatives)
    except CommandError as error:
        raise KindError(f"expose: openssl on {node.name} made no certificate: {error.output.strip()}") from error
    certificates, keys = _CERTIFICATE.findall(said), _KEY.findall(said)
    if [len(certificates), len(keys)] != [2, 1]:
        raise KindError(f"expose: openssl on {node.name} made {len(certificates)} certificates and {len(keys)} keys, not 2 and 1")
    return Issued(certificates[0], certificates[1], keys[0])
