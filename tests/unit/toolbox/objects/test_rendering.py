"""Kustomizations and charts, rendered by programs that tests stand in for."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import yaml

from pytest_kind.errors import CommandError
from pytest_kind.toolbox.objects.manifests import ManifestError
from pytest_kind.toolbox.objects.rendering import kustomized, templated

HELM = """#!/bin/sh
echo "$@" > "$HERE/argv"
cat > "$HERE/stdin"
cat "$HERE/answer"
test ! -e "$HERE/fails" || { echo 'Error: no such template' >&2; exit 1; }
"""
MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, annotations: {%s}}\n"


@pytest.fixture
def helm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a helm that notes what it was given, and ``chart``."""
    program = tmp_path / "helm"
    program.write_text(HELM, encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("HERE", str(tmp_path))
    (tmp_path / "answer").write_text(MAP % ("one", ""), encoding="utf-8")
    (tmp_path / "chart").mkdir()
    (tmp_path / "chart" / "Chart.yaml").write_text("name: chart\n", encoding="utf-8")
    return tmp_path


def render(folder: Path, **values: int) -> str | None:
    return templated(folder, namespace="mine", release=None, values=values, version="v1.37.1", served=["apps/v1", "v1"])


def test_a_chart_is_rendered_for_this_cluster(helm: Path) -> None:
    assert "name: one" in str(render(helm / "chart", replicas=2))
    assert (helm / "argv").read_text(encoding="utf-8").split() == [
        *("template", "chart", str(helm / "chart"), "--namespace", "mine", "--include-crds", "--skip-tests"),
        *("--kube-version", "v1.37.1", "--api-versions", "apps/v1,v1", "--values", "-"),
    ]
    assert yaml.safe_load((helm / "stdin").read_text(encoding="utf-8")) == {"replicas": 2}


def test_only_hooks_of_an_installation_are_applied(helm: Path) -> None:
    hooks = {"a": "helm.sh/hook: pre-install", "b": "helm.sh/hook: pre-delete", "c": "helm.sh/hook: 'post-upgrade, post-install'", "d": ""}
    (helm / "answer").write_text("---\n".join(MAP % one for one in hooks.items()), encoding="utf-8")
    assert [one["metadata"]["name"] for one in yaml.safe_load_all(str(render(helm / "chart")))] == ["a", "c", "d"]


def test_what_helm_refuses_is_told_in_its_words(helm: Path) -> None:
    (helm / "fails").touch()
    with pytest.raises(ManifestError, match="chart: helm template: Error: no such template"):
        render(helm / "chart")


def test_a_chart_without_helm_says_what_is_missing(helm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(helm / "chart"))
    with pytest.raises(ManifestError, match="chart: is a Helm chart, and there is no program `helm` on PATH"):
        render(helm / "chart")


def test_other_folders_are_neither(tmp_path: Path) -> None:
    assert render(tmp_path) is None
    assert kustomized(tmp_path, lambda *_: "") is None


@pytest.mark.parametrize("name", ["kustomization.yaml", "kustomization.yml", "Kustomization"])
def test_a_kustomization_is_the_node_s_kubectls(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert kustomized(tmp_path, lambda *argv: str(argv)) == str(("kustomize", str(tmp_path)))

    def refuse(*argv: str) -> str:
        raise CommandError("node", argv, 1, "error: accumulating\nresources")

    with pytest.raises(ManifestError, match="kubectl kustomize: error: accumulating resources"):
        kustomized(tmp_path, refuse)
