"""Folders of Kubernetes' Go module, small ones, and a Go that is a script."""

from __future__ import annotations

from pathlib import Path

from pytest_kind.image import go_modules
from support.checkouts import CONSTANTS

GO_MOD = """module k8s.io/kubernetes

go 1.26.0

godebug default=go1.26

replace (
\tk8s.io/api => ./staging/src/k8s.io/api
\tk8s.io/apiserver => ./staging/src/k8s.io/apiserver
)
"""
# It records how it was called, with which go.mod, and puts what is in code.go into the programs.
GO = """#!/bin/sh
set -e
if [ "$1" = list ]; then echo '{"Time": "2026-01-01T00:00:00Z"}'; exit; fi
record=@RECORD@
echo "$GOOS/$GOARCH $*" >> "$record/calls"
cp go.mod go.sum "$record"
[ ! -e "$record/fails" ] || { echo "kubelet.go:1: syntax error"; exit 1; }
[ ! -e "$record/meanwhile" ] || echo meanwhile >> 0/code.go
while [ "$1" != -o ]; do shift; done
out=$2
shift 2
for package in "$@"; do
  case $out in */) file=$out${package##*/} ;; *) file=$out ;; esac
  new="$(basename "$file") $(cat 0/code.go)"
  # As Go does: what fits is left, anything else is a new file.
  [ "$(cat "$file" 2>/dev/null)" = "$new" ] || { rm -f "$file"; echo "$new" > "$file"; }
done
"""


def module_folder(folder: Path) -> Path:
    """What the module proxy serves of Kubernetes."""
    files = {"go.mod": GO_MOD, "go.sum": "k8s.io/own v1.0.0 h1:x\n", "code.go": "one\n", go_modules.PAUSE: "int main(void) { return 0; }\n"}
    for name, text in {**files, go_modules.CONSTANTS: CONSTANTS}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def fake_go(folder: Path) -> Path:
    """A folder for PATH with a ``go``; beside it, ``record`` has how it was called."""
    (folder / "bin").mkdir(parents=True)
    (folder / "record").mkdir()
    program = folder / "bin/go"
    program.write_text(GO.replace("@RECORD@", str(folder / "record")), encoding="utf-8")
    program.chmod(0o755)
    return folder / "bin"
