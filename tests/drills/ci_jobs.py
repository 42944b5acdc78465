"""The ready-made jobs of examples/ci: their syntax by their systems' own linters, their steps by running them.

``python tests/drills/ci_jobs.py lint`` needs Go and a module proxy. ``python tests/drills/ci_jobs.py run KUBERNETES [FOCUS]``
runs what each job's shell would run, on a copy of that folder (a published module will do) as a commit with a tag. Left out:
what others do before (actions, clones, images); apt-get, and the engine's start, where an engine answers already.
"""

from __future__ import annotations

import argparse
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
JOBS = ROOT / "examples/ci"
ACTIONLINT = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"
CHECKCONFIG = "sigs.k8s.io/prow/cmd/checkconfig@v0.0.0-20240619181241-cfb8754e0459"
FOCUS = r"ConfigMap should be consumable from pods in volume with mappings \["
# What every installation of Prow has of its own.
PROW = """
plank:
  default_decoration_config_entries:
    - config:
        gcs_configuration: {bucket: b, path_strategy: explicit}
        gcs_credentials_secret: s
        utility_images: {clonerefs: c, initupload: i, entrypoint: e, sidecar: s}
presets:
  - labels: {preset-dind-enabled: "true"}
  - labels: {preset-kind-volume-mounts: "true"}
"""
_STEP = "set -eu\n"


def lint(work: Path) -> None:
    """Runs the linters; each says what is wrong."""
    (work / "go.mod").write_text("module lint\n\ngo 1.24\n", encoding="utf-8")
    tools = {**os.environ, "GOFLAGS": "-mod=mod"}
    # A newer x/tools than Prow's own go.mod asks for: that one does not compile with Go 1.25 and newer.
    subprocess.run(["go", "get", ACTIONLINT, CHECKCONFIG, "golang.org/x/tools@v0.42.0"], check=True, cwd=work, env=tools)
    for program in (ACTIONLINT, CHECKCONFIG):
        subprocess.run(["go", "build", program.partition("@")[0]], check=True, cwd=work, env=tools)
    subprocess.run([work / "actionlint", JOBS / "github-actions.yaml"], check=True)
    (work / "config.yaml").write_text(PROW, encoding="utf-8")
    places = ["--config-path", str(work / "config.yaml"), "--job-config-path", str(JOBS / "prow.yaml")]
    subprocess.run([str(work / "checkconfig"), *places, "--strict"], check=True)
    subprocess.run([sys.executable, "-m", "venv", work / "venv"], check=True)
    subprocess.run([work / "venv/bin/pip", "install", "--quiet", "check-jsonschema"], check=True)
    for schema, name in (("github-workflows", "github-actions.yaml"), ("gitlab-ci", "gitlab-ci.yml")):
        transform = ["--data-transform", "gitlab-ci"] if schema == "gitlab-ci" else []
        subprocess.run([work / "venv/bin/check-jsonschema", "--builtin-schema", f"vendor.{schema}", *transform, JOBS / name], check=True)


def steps() -> dict[str, str]:
    """What each job's shell runs, as one script."""

    def read(name: str) -> Any:
        return yaml.safe_load((JOBS / name).read_text(encoding="utf-8"))

    github = [step["run"] for step in read("github-actions.yaml")["jobs"]["storage"]["steps"] if "run" in step]
    gitlab = read("gitlab-ci.yml")["storage"]
    (prow,) = read("prow.yaml")["presubmits"]["kubernetes/kubernetes"]
    return {
        "github": _STEP + "\n".join(github),
        "gitlab": _STEP + "\n".join([*gitlab["before_script"], *gitlab["script"]]),
        "prow": _STEP + prow["spec"]["containers"][0]["args"][0],
    }


def run(work: Path, kubernetes: Path, focus: str) -> None:
    """Runs each job's steps; where it leaves artifacts is printed."""
    copy = work / "kubernetes"
    shutil.copytree(kubernetes, copy, symlinks=True)
    subprocess.run(["chmod", "-R", "u+w", copy], check=True)
    if not (copy / ".git").exists():
        identity = ["-c", "user.name=drill", "-c", "user.email=drill@example.com"]
        version = kubernetes.name.rpartition("@")[2]
        for command in (["init", "--quiet"], ["add", "--all", "--force"], [*identity, "commit", "--quiet", "--message", version], ["tag", version]):
            subprocess.run(["git", *command], cwd=copy, check=True)
    tools = work / "tools"
    tools.mkdir()
    for name, text in (("apt-get", "exit 0"), ("dockerd", "exit 0"), ("sudo", 'exec "$@"')):
        (tools / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        (tools / name).chmod(0o755)
    subprocess.run([sys.executable, "-m", "venv", work / "venv"], check=True)  # what setup-python gives
    for name, script in steps().items():
        place = work / name
        place.mkdir()
        (place / "kubernetes").symlink_to(copy)
        here = {"/opt/pytest-kind": place / "venv", "/tmp/specs": place / "specs", "install pytest-kind-native": f"install --quiet {ROOT}"}  # noqa: S108
        text = functools.reduce(lambda text, one: text.replace(one[0], str(one[1])), here.items(), script)
        environment = {
            **os.environ,
            "PATH": os.pathsep.join([str(tools), str(work / "venv/bin"), os.environ["PATH"]]),
            "FOCUS": focus,
            "CI_PROJECT_DIR": str(copy),
            "ARTIFACTS": str(copy / "artifacts"),
        }
        artifacts = (place if name == "github" else copy) / "artifacts"
        shutil.rmtree(artifacts, ignore_errors=True)
        print(f"== {name}", flush=True)
        subprocess.run(["bash", "-c", text], cwd=place if name == "github" else copy, env=environment, check=True)
        found = {one.name for one in artifacts.iterdir()}
        assert found >= {"junit.xml", "summary.json", "summary.md", "logs"}, found
        print((artifacts / "summary.md").read_text(encoding="utf-8"))


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    below = parser.add_subparsers(dest="what", required=True)
    below.add_parser("lint")
    command = below.add_parser("run")
    command.add_argument("kubernetes", type=Path)
    command.add_argument("focus", nargs="?", default=FOCUS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ci-jobs-") as folder:
        if arguments.what == "lint":
            lint(Path(folder))
        else:
            run(Path(folder), arguments.kubernetes.absolute(), arguments.focus)


if __name__ == "__main__":
    main()
