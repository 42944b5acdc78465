"""Files of this machine that a kubectl command names: found, so that the kubectl on the node can be given them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

# Options whose value is a file, or a folder of them.
_PATHS = {"-f", "--filename", "--patch-file", "--from-env-file", "--cert", "--key"}
_KEYED = {"--from-file"}  # PATH or KEY=PATH
_KUSTOMIZE = {"-k", "--kustomize"}
_TAKEN = _PATHS | _KEYED | _KUSTOMIZE
_FOLLOW = {"logs", "attach"}  # where -f means something else
# Other options whose value may be the next word: every command's (`kubectl options`), those of cp and of kustomize.
_VALUED = {
    *("-n", "--namespace", "-s", "--server", "-v", "--v", "--as", "--as-group", "--as-uid", "--as-user-extra", "--cache-dir"),
    *("--cluster", "--context"),
    *("--certificate-authority", "--client-certificate", "--client-key", "--kubeconfig", "--kuberc", "--log-flush-frequency", "--password"),
    *("--profile", "--profile-output", "--request-timeout", "--tls-server-name", "--token", "--user", "--username", "--vmodule"),
    *("-c", "--container", "--retries"),
    *("-e", "--env", "--helm-api-versions", "--helm-command", "--helm-kube-version", "--load-restrictor", "--mount", "--network-name"),
    *("-o", "--output", "--reorder"),
}
_KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")


def gather(argv: Sequence[str], folder: Path, place: str) -> tuple[list[str], dict[str, Path]]:
    """The command with paths on the node, and what has to be there; what is no file here stays as it is.

    Args:
        folder: where relative paths start.
        place: the folder on the node, absolute.
    """
    gathering = _Gathering(folder, place)
    words: list[str] = []
    rest = list(argv)
    verb = _verb(argv)
    while rest and rest[0] != "--":
        word = rest.pop(0)
        flag, value, written = _option(word, rest)
        if word in _VALUED:
            words += [word, *rest[:1]]
            del rest[:1]
        elif verb == "cp" and not word.startswith("-") and word != verb:
            words.append(gathering.path(word))
        elif verb == "kustomize" and not word.startswith("-") and word != verb:
            words.append(gathering.kustomization(word))
        elif flag not in _TAKEN or (verb in _FOLLOW and flag == "-f"):
            words.append(word)
        else:
            new = gathering.value(flag, value)
            words += [flag, new] if written == "apart" else [f"{flag}={new}"]
            if written == "apart":
                rest.pop(0)
    return [*words, *rest], gathering.files


def _verb(argv: Sequence[str]) -> str:
    words = iter(argv)
    for word in words:
        if word in _VALUED:
            next(words, None)
        elif not word.startswith("-"):
            return word
    return ""


def _option(word: str, rest: Sequence[str]) -> tuple[str, str, str]:
    """A word as an option and its value, which may be the next word: ``--flag=value``, ``--flag value``, ``-fvalue``."""
    if word[:2] in _TAKEN and len(word) > len("-f"):
        return word[:2], word[2:].removeprefix("="), "joined"
    flag, equals, value = word.partition("=")
    if equals or not rest:
        return (flag, value, "joined") if equals else ("", "", "")
    return flag, rest[0], "apart"


class _Gathering:
    def __init__(self, folder: Path, place: str) -> None:
        self._folder, self._place, self._count = folder, place, 0
        self.files: dict[str, Path] = {}

    def value(self, flag: str, value: str) -> str:
        """An option's value, as the node has it."""
        if flag in _KUSTOMIZE:
            return self.kustomization(value)
        if flag in _KEYED:
            key, equals, path = value.rpartition("=")
            return f"{key}{equals}{self.path(path)}"
        return ",".join(self.path(one) for one in value.split(","))

    def path(self, text: str) -> str:
        """A file, or a folder with all below it, under its own name: kubectl takes keys from it."""
        found = self._folder / text
        if not text or text == "-" or not found.exists():
            return text
        return self._take(found.absolute(), found.absolute().parent, _below(found.absolute()))

    def kustomization(self, text: str) -> str:
        """A folder with a kustomization, and all that it names outside of itself, in the same positions to each other."""
        found = (self._folder / text).resolve()
        if not text or not found.is_dir():
            return text
        files = sorted(_kustomized(found, set()))
        root = found
        while not all(file.is_relative_to(root) for file in files):
            root = root.parent
        return self._take(found, root, files)

    def _take(self, found: Path, root: Path, files: Sequence[Path]) -> str:
        place = f"{self._place}/{self._count}"
        self._count += 1
        self.files.update({f"{place}/{file.relative_to(root)}": file for file in files})
        return f"{place}/{found.relative_to(root)}"


def _below(path: Path) -> list[Path]:
    return [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.is_file())


def _kustomized(folder: Path, seen: set[Path]) -> set[Path]:
    """Every string of a kustomization that names something that is there is taken along, and what that names."""
    if folder in seen:
        return set()
    seen.add(folder)
    files = set(_below(folder))
    for name in _KUSTOMIZATIONS:
        if (folder / name).is_file():
            for text in _strings(yaml.safe_load((folder / name).read_text(encoding="utf-8"))):
                there = (folder / text.rpartition("=")[2]).resolve() if text and "\n" not in text else folder
                if there.is_dir() and there != folder:
                    files |= _kustomized(there, seen)
                elif there.is_file():
                    files.add(there)
    return files


def _strings(node: Any) -> Iterator[str]:  # noqa: ANN401 - YAML
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for value in node.values():
            yield from _strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from _strings(value)
