"""The proxies that nodes get."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_kind.config.types import ClusterConfig, Networking
from pytest_kind.errors import UsageError
from pytest_kind.provision.proxies import client_config, direct, proxy_environment


def proxied(environ: dict[str, str], config: dict[str, Any] | None = None, **more: str) -> dict[str, str]:
    return proxy_environment(environ, config or {}, no_proxy=["ours"], **{"host": "172.17.0.1", **more})


def test_no_proxy_no_variables() -> None:
    assert proxied({"NO_PROXY": "own"}, {"proxies": {"default": {"noProxy": "own"}}}) == {}


def test_both_cases_whichever_is_set() -> None:
    assert proxied({"HTTP_PROXY": "http://a:1", "http_proxy": "http://b:1", "https_proxy": "http://c:1", "no_proxy": "own, x,,own"}) == {
        "HTTP_PROXY": "http://a:1",
        "http_proxy": "http://a:1",
        "HTTPS_PROXY": "http://c:1",
        "https_proxy": "http://c:1",
        "NO_PROXY": "own,x,ours",
        "no_proxy": "own,x,ours",
    }


def test_what_the_environment_lacks_is_the_docker_clients() -> None:
    config = {
        "proxies": {
            "default": {"httpProxy": "http://a:1", "httpsProxy": "http://b:1", "noProxy": "corp"},
            "tcp://far:1": {"httpProxy": "http://far:1"},
        }
    }
    assert proxied({"HTTP_PROXY": "http://own:1"}, config)["HTTP_PROXY"] == "http://own:1"
    assert proxied({}, config)["HTTPS_PROXY"] == "http://b:1"
    assert proxied({}, config)["NO_PROXY"] == "corp,ours"
    assert proxied({}, config, engine="tcp://far:1") == {
        "HTTP_PROXY": "http://far:1",
        "http_proxy": "http://far:1",
        "NO_PROXY": "ours",
        "no_proxy": "ours",
    }


@pytest.mark.parametrize(
    ("proxy", "host", "reached"),
    [
        ("http://127.0.0.1:3128", "172.17.0.1", "http://172.17.0.1:3128"),
        ("http://127.9.9.9:3128", "172.17.0.1", "http://172.17.0.1:3128"),
        ("http://localhost:3128/", "172.17.0.1", "http://172.17.0.1:3128/"),
        ("http://LocalHost", "172.17.0.1", "http://172.17.0.1"),
        ("http://proxy.localhost:1", "172.17.0.1", "http://172.17.0.1:1"),
        ("http://0.0.0.0:1", "172.17.0.1", "http://172.17.0.1:1"),
        ("http://[::1]:3128", "172.17.0.1", "http://172.17.0.1:3128"),
        ("socks5://[::1]:1080", "fd00::1", "socks5://[fd00::1]:1080"),
        ("http://user:p%40ss@localhost:3128", "172.17.0.1", "http://user:p%40ss@172.17.0.1:3128"),
        ("127.0.0.1:3128", "172.17.0.1", "172.17.0.1:3128"),
        ("user:pass@localhost:3128", "172.17.0.1", "user:pass@172.17.0.1:3128"),
        ("http://user:p%40ss@proxy.example:3128", "172.17.0.1", "http://user:p%40ss@proxy.example:3128"),
        ("http://10.0.0.1:3128", "172.17.0.1", "http://10.0.0.1:3128"),
        ("proxy.example:3128", "172.17.0.1", "proxy.example:3128"),
    ],
)
def test_a_proxy_on_loopback_is_reached_on_the_engines_machine(proxy: str, host: str, reached: str) -> None:
    assert proxied({"HTTPS_PROXY": proxy}, host=host)["HTTPS_PROXY"] == reached


def test_a_proxy_on_loopback_is_none_for_an_engine_elsewhere() -> None:
    assert proxy_environment({"HTTP_PROXY": "http://localhost:1"}, {}, no_proxy=[], host=None) == {}
    kept = proxy_environment({"HTTP_PROXY": "http://localhost:1", "HTTPS_PROXY": "http://a:1"}, {}, no_proxy=[], host=None)
    assert set(kept) == {"HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"}


@pytest.mark.parametrize("proxy", ["http://user:hunter2@[::1", "http://user:hunter2@host:port"])
def test_what_is_no_url_is_refused_and_not_shown(proxy: str) -> None:
    with pytest.raises(UsageError, match=r"^HTTP_PROXY: is no URL such as http://proxy\.example:3128") as caught:
        proxied({"HTTP_PROXY": proxy})
    assert "hunter2" not in str(caught.value)


def test_nothing_of_the_cluster_is_asked_through_a_proxy() -> None:
    config = ClusterConfig(networking=Networking(ip_family="dual"))
    assert direct(config, nodes=["c-control-plane", "c-worker"], networks=["172.17.0.0/16", "fd01::/64"]) == (
        "localhost",
        "127.0.0.0/8",
        "::1",
        "10.96.0.0/16",
        "fd00:10:96::/112",
        "10.244.0.0/16",
        "fd00:10:244::/56",
        "172.17.0.0/16",
        "fd01::/64",
        "198.19.255.0/24",
        "fd00:198:19:255::/64",
        "c-control-plane",
        "c-worker",
        ".svc",
        ".svc.cluster",
        ".svc.cluster.local",
    )


def test_the_docker_clients_configuration_is_read_for_its_proxies(tmp_path: Path) -> None:
    here = {"DOCKER_CONFIG": str(tmp_path)}
    assert client_config(here) == {}
    proxies = {"default": {"httpProxy": "http://a:1"}}
    (tmp_path / "config.json").write_text(json.dumps({"auths": {"registry.example": {"auth": "hunter2"}}, "proxies": proxies}), encoding="utf-8")
    assert client_config(here) == {"proxies": proxies}
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    assert client_config(here) == {"proxies": {}}


def test_the_docker_clients_configuration_is_that_of_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text('{"proxies": {"default": {"noProxy": "x"}}}', encoding="utf-8")
    assert client_config({}) == {"proxies": {"default": {"noProxy": "x"}}}


@pytest.mark.parametrize(
    "text", ["no json", "[]", '{"proxies": []}', '{"proxies": {"default": "http://u:hunter2@a"}}', '{"proxies": {"default": {"httpProxy": 1}}}']
)
def test_one_that_cannot_be_used_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=r"config\.json: .*`proxies`") as caught:
        client_config({"DOCKER_CONFIG": str(tmp_path)})
    assert "hunter2" not in str(caught.value)
