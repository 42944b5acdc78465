"""kubeadm's kubeconfig as seen from this machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from pytest_kind.api import kubeconfig
from support.credentials import PKI, admin_conf


@pytest.mark.parametrize(
    ("address", "expected"),
    [("127.0.0.1", "https://127.0.0.1:6443"), ("::1", "https://[::1]:6443"), ("engine.example", "https://engine.example:6443")],
)
def test_the_url_of_an_address(address: str, expected: str) -> None:
    assert kubeconfig.url(address, 6443) == expected


def test_names_are_kinds_and_the_server_is_the_published_one() -> None:
    inside = yaml.safe_load(admin_conf())
    assert kubeconfig.outside(admin_conf(), "c", "https://127.0.0.1:34567") == {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "kind-c",
                "cluster": {
                    "certificate-authority-data": inside["clusters"][0]["cluster"]["certificate-authority-data"],
                    "server": "https://127.0.0.1:34567",
                },
            }
        ],
        "users": [{"name": "kind-c", "user": inside["users"][0]["user"]}],
        "contexts": [{"name": "kind-c", "context": {"cluster": "kind-c", "user": "kind-c"}}],
        "current-context": "kind-c",
        "preferences": {},
    }


def test_credentials_are_what_the_file_holds_decoded() -> None:
    found = kubeconfig.credentials(kubeconfig.outside(admin_conf(), "c", "https://127.0.0.1:1"))
    assert found.server == "https://127.0.0.1:1"
    assert found.authority == (PKI / "authority.crt").read_bytes()
    assert found.certificate == (PKI / "peer.crt").read_bytes()
    assert found.key == (PKI / "peer.key").read_bytes()


def test_credentials_are_not_printed() -> None:
    found = kubeconfig.credentials(kubeconfig.outside(admin_conf(), "c", "https://127.0.0.1:1"))
    assert repr(found) == "Credentials(server='https://127.0.0.1:1', …)"


@pytest.mark.parametrize("content", ["text", b"bytes"])
def test_a_written_file_is_private_whatever_the_umask(tmp_path: Path, content: str | bytes) -> None:
    before = os.umask(0)
    try:
        path = kubeconfig.write_private(tmp_path / "kubeconfig", content)
    finally:
        os.umask(before)
    assert path == tmp_path / "kubeconfig"
    assert path.read_bytes() == (content if isinstance(content, bytes) else content.encode())
    assert f"{path.stat().st_mode & 0o777:o}" == "600"
    assert [one.name for one in tmp_path.iterdir()] == ["kubeconfig"]


def test_a_write_that_breaks_off_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = kubeconfig.write_private(tmp_path / "kubeconfig", "old")

    def breaks(*_: object) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", breaks)
    with pytest.raises(KeyboardInterrupt):
        kubeconfig.write_private(path, "new")
    assert path.read_text(encoding="utf-8") == "old"


def test_a_reader_of_the_old_file_keeps_it(tmp_path: Path) -> None:
    path = kubeconfig.write_private(tmp_path / "kubeconfig", "old")
    with path.open(encoding="utf-8") as reader:
        kubeconfig.write_private(path, "new")
        assert reader.read() == "old"
    assert path.read_text(encoding="utf-8") == "new"
