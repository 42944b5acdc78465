"""What is no registry, no endpoint and no certificate."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_kind.config.types import ClusterConfig
from pytest_kind.config.validate import problems

PKI = Path(__file__).parents[2] / "support/pki"


def test_every_problem_at_once_and_no_password(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"no certificate: \xff\x00\n")
    missing = str(tmp_path / "missing")
    config = ClusterConfig(
        registry_mirrors={
            "docker.io/library": ("http://m",),
            "docker.io": (),
            "quay.io": ("mirror.example", "ftp://m", "https://u:hunter2@m", "http://m:port", "http://", "http://m o"),
        },
        ca_certificates=(missing, str(tmp_path / "text"), str(PKI / "peer.key")),
    )
    accepted = "is no endpoint; accepted is the form http://HOST[:PORT] or https://HOST[:PORT][/PATH]"
    hosts = "is no registry; accepted is a host with or without a port (docker.io, registry.example:5000), or _default"
    assert problems(config) == [
        f"registryMirrors.docker.io/library: 'docker.io/library' {hosts}",
        "registryMirrors.docker.io: has no endpoint; accepted is a list of at least one URL",
        f"registryMirrors.quay.io[0]: 'mirror.example' {accepted}",
        f"registryMirrors.quay.io[1]: 'ftp://m' {accepted}",
        f"registryMirrors.quay.io[2]: 'https://…@m' {accepted}",
        f"registryMirrors.quay.io[3]: 'http://m:port' {accepted}",
        f"registryMirrors.quay.io[4]: 'http://' {accepted}",
        f"registryMirrors.quay.io[5]: 'http://m o' {accepted}",
        f"caCertificates[0]: {missing} cannot be read: No such file or directory",
        f"caCertificates[1]: {tmp_path / 'text'} is no PEM file of certificates",
        f"caCertificates[2]: {PKI / 'peer.key'} has a private key; accepted is a PEM file of certificates, nothing else of which belongs on a node",
    ]


@pytest.mark.parametrize("url", ["http://[a", "http://a?b", 'http://a/"', "http://a/\n"])
def test_what_would_break_the_file_that_it_is_written_to(url: str) -> None:
    (problem,) = problems(ClusterConfig(registry_mirrors={"docker.io": (url,)}))
    assert problem.startswith("registryMirrors.docker.io[0]: ")


@pytest.mark.parametrize("path", ["", "none.pem", "a\0b"])
def test_no_file(tmp_path: Path, path: str) -> None:
    (problem,) = problems(ClusterConfig(ca_certificates=(str(tmp_path / path),)))
    assert problem.startswith("caCertificates[0]: ")
    assert "cannot be read" in problem


@pytest.mark.parametrize("content", [b"", b"text", b"\xff\x00", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_file_without_a_certificate(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ca.pem").write_bytes(content)
    (problem,) = problems(ClusterConfig(ca_certificates=(str(tmp_path / "ca.pem"),)))
    assert problem == f"caCertificates[0]: {tmp_path / 'ca.pem'} is no PEM file of certificates"
