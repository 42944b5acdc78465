"""What several files here have."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

import pytest

TOOLS = ["kubetest==0.9.5", "kr8s", "kopf", "pykube-ng", "pytest-helm-charts", "requests"]


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
