"""A checkout to Kubernetes' contract: its make's targets, variables and output, its version script, and git below it.

The real one's are in its ``build/root/Makefile``, ``hack/lib/golang.sh`` and ``hack/print-workspace-status.sh``.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from pytest_kind.image import go_modules

MAKEFILE = """
all:
\t@echo "$(WHAT) $$KUBE_BUILD_PLATFORMS $$KUBE_STATIC_OVERRIDES $$SOURCE_DATE_EPOCH $(findstring silent,$(MAKEFLAGS))" >> _output/made
\t@mkdir -p _output/local/bin/$$KUBE_BUILD_PLATFORMS
\t@for one in $(WHAT); do echo "$$(hack/print-workspace-status.sh) $$(cat code.go)" > _output/local/bin/$$KUBE_BUILD_PLATFORMS/$${one##*/}; done
"""
STATUS = """#!/bin/bash
# The real one makes a semantic version of it, with `+` before the commit.
version=$(git describe --tags --match='v*' --abbrev=14 2>/dev/null | sed -E 's/-g([0-9a-f]{14})$/+\\1/')
[ -z "$(git status --porcelain)" ] || version+=-dirty
echo "gitCommit $(git rev-parse HEAD)"
[ -z "${version#-dirty}" ] || echo "gitVersion $version"
"""
CONSTANTS = 'DefaultEtcdVersion = "3.7.0-0"\nPauseVersion = "3.11"\nCoreDNSVersion = "v1.14.6"\n'


def git(folder: Path, *arguments: str) -> None:
    """Runs git, whatever this machine's configuration is."""
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def checkout(folder: Path, tag: str | None = "v1.37.1") -> Path:
    """A clean checkout of one commit."""
    files = {
        "Makefile": MAKEFILE,
        "hack/print-workspace-status.sh": STATUS,
        "code.go": "one\n",
        ".gitignore": "_output/\n",
        go_modules.PAUSE: "int main(void) { return 0; }\n",
        go_modules.CONSTANTS: CONSTANTS,
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "hack/print-workspace-status.sh").chmod(0o755)
    (folder / "_output").mkdir()
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "one")
    if tag is not None:
        git(folder, "tag", tag)
    return folder
