"""Other tools on the fixture's cluster, in an environment of their own: every block of docs/migrating.md, and PyPI's README."""

from __future__ import annotations

import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_kind.provision import docker_engine

if TYPE_CHECKING:
    from pytest_kind import KindCluster

MIGRATING = Path(__file__).parents[2] / "docs" / "migrating.md"
BUSYBOX = "localhost/pytest-kind/busybox:1.35.0"
TOOLS = ["kubetest==0.9.5", "kr8s", "kopf", "pykube-ng", "pytest-helm-charts", "requests"]
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME}
spec:
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec:
      containers:
      - name: app
        image: NAME:latest
        imagePullPolicy: Never
        command: [/busybox, sh, -c, SCRIPT]
        # The README reads the log once the rollout is complete: a pod without a probe is ready before its program says anything.
        readinessProbe: {httpGet: {path: /hello/world, port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: NAME}
spec: {selector: {app: NAME}, ports: [{port: 80, targetPort: 8080}]}
"""
# What the README's test expects of its application.
SCRIPT = "\"/busybox mkdir -p /w/hello; printf 'Hello world!' >/w/hello/world; echo Sucessfully started; exec /busybox httpd -f -p 8080 -h /w\""


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that has the tools and, behind them, all that this one has: this checkout too."""
    folder = tmp_path_factory.mktemp("tools")
    venv.create(folder, with_pip=True)
    made = folder / "bin" / "python"
    (site,) = (folder / "lib").glob("python*/site-packages")
    behind = [path for path in sys.path if path.endswith("site-packages")]
    (site / "behind.pth").write_text("".join(f"import site; site.addsitedir({path!r})\n" for path in behind), encoding="utf-8")
    subprocess.run([made, "-m", "pip", "install", "--quiet", "--no-compile", *TOOLS], check=True)
    return made


def run(python: Path, folder: Path, pytestconfig: pytest.Config, *args: str) -> str:
    """Runs a project's tests there; its output. Fails unless all pass."""
    cache = pytestconfig.getoption("kind_cache_dir")
    given = ["--kind-cache-dir", str(pytestconfig.invocation_params.dir / cache)] if cache else []
    result = subprocess.run(
        [python, "-m", "pytest", "-p", "no:cacheprovider", "--import-mode=importlib", "-rA", "-p", "pytest_kind.bridges", *given, *args],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def blocks() -> dict[str, str]:
    """The page's files by their names."""
    text = MIGRATING.read_text(encoding="utf-8")
    found = re.findall(r"```(?:python|ini|yaml)\n# (\S+)\n(.*?)```", text, re.DOTALL)
    assert len(found) == text.count("```") / 2 - text.count("```sh"), "a block does not name its file"
    return {name: text.replace("BUSYBOX", BUSYBOX) for name, text in found}


def test_every_block_of_the_page_on_migrating(python: Path, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    for name, text in blocks().items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    output = run(python, tmp_path, pytestconfig)
    tests = [f"{name}::{test}" for name, text in blocks().items() for test in re.findall(r"^def (test_\w+)", text, re.MULTILINE)]
    assert tests
    assert [test for test in tests if f"PASSED {test}" not in output] == []


def test_the_readme_of_pypis_pytest_kind(python: Path, tmp_path: Path, pytestconfig: pytest.Config, kind_cluster: KindCluster) -> None:
    subprocess.run(
        [python, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", tmp_path, "pytest-kind==22.11.1"], check=True
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        readme = archive.read("pytest_kind-22.11.1.dist-info/METADATA").decode()
    written = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    app = f"pytest-kind-test-{kind_cluster.name[-8:]}"
    version = kind_cluster.kubectl("version").rpartition("Server Version: v")[2].split(".")[1]
    (tmp_path / "test_version.py").write_text(written[0].replace("'25'", f"'{version}'"), encoding="utf-8")
    (tmp_path / "test_app.py").write_text(written[1].replace("test_myapp", "test_app").replace("myapp", app), encoding="utf-8")
    (tmp_path / "deployment.yaml").write_text(DEPLOYMENT.replace("NAME", app).replace("SCRIPT", SCRIPT), encoding="utf-8")
    provider = docker_engine.connect()
    try:
        with provider.get(kind_cluster.nodes[0].container, "/bin/busybox") as archive_of_busybox:
            provider.import_image(archive_of_busybox, f"{app}:latest", {})
        output = run(python, tmp_path, pytestconfig, "--cluster-name", app, "--kind-kubectl-bin", "nowhere")
    finally:
        provider.remove_image(f"{app}:latest")
        provider.close()
    assert "2 passed" in output
    assert "kind: --kind-kubectl-bin: accepted and ignored" in output
