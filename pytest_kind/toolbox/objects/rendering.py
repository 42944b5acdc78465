"""Folders that are made manifests of by a program: kustomizations by the node's own kubectl, charts by this machine's helm."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from pytest_kind.config.texts import values as yaml_values
from pytest_kind.errors import CommandError
from pytest_kind.toolbox.objects.manifests import CHART, KUSTOMIZATIONS, ManifestError

_SECONDS = 60.0
_HOOK = "helm.sh/hook"
_INSTALL = {"pre-install", "post-install", "crd-install"}


def kustomized(folder: Path, kubectl: Callable[..., str]) -> str | None:
    """A kustomization's manifests; nothing where the folder is none.

    Raises:
        ManifestError: kubectl refuses it.
    """
    if not any((folder / name).is_file() for name in KUSTOMIZATIONS):
        return None
    try:
        return kubectl("kustomize", str(folder))
    except CommandError as error:
        raise ManifestError([f"{folder}: kubectl kustomize: {' '.join(error.output.split())}"]) from None


def templated(folder: Path, *, namespace: str, release: str | None, values: Mapping[str, Any] | None, version: str, served: list[str]) -> str | None:
    """A chart's manifests, as ``helm install`` would send them; nothing where the folder is none.

    Hooks of an installation are among them, as ordinary objects; tests, and hooks of other occasions, are not.

    Args:
        release: its name; the folder's by default.
        values: instead of the chart's own.
        version: of the cluster, and ``served`` its API versions: what templates see as ``.Capabilities``.

    Raises:
        ManifestError: there is no helm, or it refuses the chart.
    """
    if not (folder / CHART).is_file():
        return None
    helm = shutil.which("helm")
    if helm is None:
        raise ManifestError([f"{folder}: is a Helm chart, and there is no program `helm` on PATH"])
    argv = [helm, "template", release or folder.resolve().name.lower(), str(folder), "--namespace", namespace, "--include-crds", "--skip-tests"]
    argv += ["--kube-version", version, "--api-versions", ",".join(served)]
    argv += ["--values", "-"] if values else []
    try:
        done = subprocess.run(
            argv, input=yaml.safe_dump(dict(values)) if values else "", capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise ManifestError([f"{folder}: helm template: not within {_SECONDS:.0f} s"]) from None
    if done.returncode:
        raise ManifestError([f"{folder}: helm template: {' '.join(done.stderr.split())}"])
    return yaml.safe_dump_all([one for one in yaml_values(done.stdout) if _is_installed(one)], sort_keys=False)


def _is_installed(one: Any) -> bool:  # noqa: ANN401 - YAML
    hooks = ((one.get("metadata") or {}).get("annotations") or {}).get(_HOOK, "") if isinstance(one, dict) else ""
    return not hooks or any(hook.strip() in _INSTALL for hook in str(hooks).split(","))
