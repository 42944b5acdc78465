"""Mirrors and certificates of a node."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest

from pytest_kind.boot.registries import hosts_file, registry_files
from pytest_kind.config.types import ClusterConfig

PKI = Path(__file__).parents[2] / "support" / "pki"


def test_a_configuration_without_either_gives_no_files() -> None:
    assert registry_files(ClusterConfig()) == {}


def test_mirrors_are_asked_in_their_order_and_then_the_registry_itself() -> None:
    config = ClusterConfig(registry_mirrors={"docker.io": ("http://172.17.0.9:5000", "https://cache.example")})
    files = registry_files(config)
    assert list(files) == ["etc/containerd/certs.d/docker.io/hosts.toml"]
    content, mode = files["etc/containerd/certs.d/docker.io/hosts.toml"]
    assert mode == 0o644
    found = tomllib.loads(content.decode())
    assert list(found) == ["host"]  # no `server`: containerd's own rule, which is the upstream
    assert list(found["host"].items()) == [
        ("http://172.17.0.9:5000", {"capabilities": ["pull", "resolve"]}),
        ("https://cache.example", {"capabilities": ["pull", "resolve"]}),
    ]


@pytest.mark.parametrize(
    ("endpoint", "as_it_stands"),
    [
        ("https://harbor.example/v2/cache", True),
        ("https://harbor.example/v2", True),
        ("https://harbor.example/v2beta", False),
        ("https://harbor.example/cache", False),
        ("https://harbor.example", False),
    ],
)
def test_a_path_of_the_registry_api_is_used_as_it_stands(endpoint: str, *, as_it_stands: bool) -> None:
    assert tomllib.loads(hosts_file([endpoint]).decode())["host"][endpoint].get("override_path", False) is as_it_stands


def test_something_can_stand_in_the_registrys_place() -> None:
    assert tomllib.loads(hosts_file([], "http://172.17.0.9:5000").decode()) == {"server": "http://172.17.0.9:5000"}


@pytest.mark.parametrize("host", ["docker.io", "registry.example:5000", "localhost:5000", "10.0.0.1:80", "[fd00::1]:5000", "_default"])
def test_hosts_that_are_accepted(host: str) -> None:
    assert list(registry_files(ClusterConfig(registry_mirrors={host: ("http://m",)}))) == [f"etc/containerd/certs.d/{host}/hosts.toml"]


def test_certificates_are_in_the_bundle_before_containerd_starts() -> None:
    files = registry_files(ClusterConfig(ca_certificates=(str(PKI / "authority.crt"), str(PKI / "peer.crt"))))
    names = [name for name in files if name.startswith("usr/local/share/ca-certificates/") and name.endswith(".crt")]
    assert [files[name] for name in names] == [((PKI / name).read_bytes(), 0o644) for name in ("authority.crt", "peer.crt")]
    assert files["kind/pytest-kind/trust"][1] == 0o755
    assert files["etc/systemd/system/containerd.service.d/20-pytest-kind.conf"][0] == b"[Service]\nExecStartPre=/kind/pytest-kind/trust\n"
    assert len(files) == 4


def test_what_the_program_on_the_node_writes(tmp_path: Path) -> None:
    # The node's program, on folders of this test's: twice, as a node that is restarted.
    for folder in ("etc/ssl/certs", "usr/local/share/ca-certificates", "kind/pytest-kind"):
        (tmp_path / folder).mkdir(parents=True)
    bundle = tmp_path / "etc/ssl/certs/ca-certificates.crt"
    bundle.write_text("of the image\n", encoding="utf-8")
    config = ClusterConfig(ca_certificates=(str(PKI / "authority.crt"),))
    program = registry_files(config)["kind/pytest-kind/trust"][0].decode()
    for folder in ("/etc/ssl", "/usr/local", "/kind/pytest-kind"):
        program = program.replace(folder, f"{tmp_path}{folder}")
    (tmp_path / "usr/local/share/ca-certificates/one.crt").write_text("of the user\n", encoding="utf-8")
    for _ in range(2):
        subprocess.run(["sh", "-c", program], check=True)
        assert bundle.read_text(encoding="utf-8") == "of the image\nof the user\n"
    assert [one.name for one in bundle.parent.iterdir()] == ["ca-certificates.crt"]


def test_a_file_that_lacks_its_last_line_end_does_not_spoil_the_next(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes((PKI / "authority.crt").read_bytes().rstrip())
    files = registry_files(ClusterConfig(ca_certificates=(str(tmp_path / "ca.pem"),)))
    assert next(content for name, (content, _) in files.items() if name.endswith(".crt")) == (PKI / "authority.crt").read_bytes()
