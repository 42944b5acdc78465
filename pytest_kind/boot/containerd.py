"""Users' patches on a node image's containerd configuration: pure, and kind's semantics (its ``pkg/internal/patch/toml.go``).

Files of today speak version 2 of containerd's format, whose CRI plugin became three in version 3. containerd migrates whole
files only: a key of version 2 in a file of version 3 would do nothing, so what patches say is translated as containerd does.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import tomli_w

from pytest_kind.boot import json_patch
from pytest_kind.config.patchtext import Operation, operations
from pytest_kind.errors import ConfigError

Table = dict[str, Any]

_CRI, _IMAGES, _RUNTIME = "io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime"
# Where a key of version 2's plugin is in version 3; any other is the runtime plugin's. Longest first.
# containerd's plugins/cri/{cri,images/plugin,runtime/plugin}.go, configMigration.
_NEW_PLACES: dict[tuple[str, ...], tuple[str, ...]] = {
    **{("containerd", key): (_IMAGES, key) for key in ("snapshotter", "disable_snapshot_annotations", "discard_unpacked_layers")},
    ("cni", "bin_dir"): (_RUNTIME, "cni", "bin_dirs"),
    ("sandbox_image",): (_IMAGES, "pinned_images", "sandbox"),
    **{
        (key,): (_IMAGES, key)
        for key in ("registry", "image_decryption", "max_concurrent_downloads", "image_pull_progress_timeout", "image_pull_with_sync_fs")
    },
    ("stats_collect_period",): (_IMAGES, "stats_collect_period"),
    **{
        (key,): (_CRI, key)
        for key in (
            "disable_tcp_service",
            "stream_server_address",
            "stream_server_port",
            "stream_idle_timeout",
            "enable_tls_streaming",
            "x509_key_pair_streaming",
        )
    },
    (): (_RUNTIME,),
}
_OLD, _NEW = 2, 3


def config_toml(text: str, merge: Sequence[str], json6902: Sequence[str]) -> str:
    """The image's ``/etc/containerd/config.toml`` after ``containerdConfigPatches`` and then the JSON 6902 ones.

    A patch without a ``version`` is for the version that its plugins' names tell. Of patches that name different versions,
    those of the node's version count, so that a file may have one for each (as in kind, which leaves the others out).

    Raises:
        ConfigError: every patch that is no TOML, that is for a version which cannot be translated, that finds nothing to
            change, or that sets registry mirrors where containerd no longer takes them.
    """
    result = tomllib.loads(text)
    version = result.get("version", 1)
    wrong: list[str] = []
    for table in _fitting(merge, version, wrong):
        result = _merged(result, table)
    for number, patch in enumerate(json6902):
        try:
            result = json_patch.applied(result, [_operation(one, version) for one in operations(patch)])
        except ValueError as error:
            wrong.append(f"containerdConfigPatchesJSON6902[{number}]: {error}")
    wrong += _mirrors(result)
    if wrong:
        raise ConfigError("containerd patches", wrong)
    try:
        return tomli_w.dumps(result)
    except (TypeError, AttributeError) as error:  # a JSON 6902 patch set null, or left no table
        raise ConfigError("containerd patches", [f"containerdConfigPatchesJSON6902: leave what TOML cannot say: {error}"]) from error


def _fitting(merge: Sequence[str], version: int, wrong: list[str]) -> list[Table]:
    """The merge patches that count, in the node's version; what is wrong with others comes into the list."""
    read: list[tuple[str, int, Table]] = []
    for number, patch in enumerate(merge):
        try:
            read.append((f"containerdConfigPatches[{number}]", *_read(patch, version)))
        except ValueError as error:
            wrong.append(f"containerdConfigPatches[{number}]: {error}")
    exact = any(table.get("version") == version for _, _, table in read)
    fitting = []
    for path, wanted, table in read:
        if wanted == version:
            fitting.append(table)
        elif not ("version" in table and exact):
            if (wanted, version) == (_OLD, _NEW):
                fitting.append(_translated({key: value for key, value in table.items() if key != "version"}))
            else:
                wrong.append(f"{path}: is for version {wanted} of containerd's format, the node's is {version}")
    return fitting


def _read(patch: str, version: int) -> tuple[int, Table]:
    try:
        table = tomllib.loads(patch)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"is no TOML: {error}") from error
    plugins = table.get("plugins", {})
    if not isinstance(plugins, dict) or not all(name.startswith("io.containerd.") for name in plugins):
        raise ValueError(f"plugins have names such as {_IMAGES!r} (version 3) and {_CRI!r} (version 2), found {plugins!r}")
    wanted = table.get("version")
    if wanted is None:
        wanted = _OLD if _CRI in plugins else _NEW if {_IMAGES, _RUNTIME} & plugins.keys() else version
    if wanted not in {_OLD, _NEW, version}:
        raise ValueError(f"version must be {_OLD} or {_NEW}, found {wanted!r}")
    return wanted, table


def _merged(target: Any, patch: Any) -> Any:  # noqa: ANN401 - TOML values
    """RFC 7386; TOML has no null."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        result[name] = _merged(result.get(name), value)
    return result


def _translated(table: Table) -> Table:
    """A patch of version 2 in version 3."""
    result: Table = {**table, "plugins": {name: value for name, value in table.get("plugins", {}).items() if name != _CRI}}
    for path, value in _leaves(table.get("plugins", {}).get(_CRI, {})):
        *parents, name = _new_place(path)
        here = result["plugins"]
        for parent in parents:
            here = here.setdefault(parent, {})
        here[name] = [value] if path == ("cni", "bin_dir") else value
    return result


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:  # noqa: ANN401 - TOML values
    if isinstance(value, dict) and (value or not path):
        for name, inner in value.items():
            yield from _leaves(inner, (*path, name))
    else:
        yield path, value


def _new_place(path: tuple[str, ...]) -> tuple[str, ...]:
    old = next(old for old in _NEW_PLACES if path[: len(old)] == old)
    rest = path[len(old) :]
    if path[:2] == ("containerd", "runtimes") and path[3:] == ("sandbox_mode",):
        rest = (*rest[:-1], "sandboxer")
    return (*_NEW_PLACES[old], *rest)


def _operation(one: Operation, version: int) -> Operation:
    return one if version == _OLD else replace(one, path=_pointer(one.path), source=_pointer(one.source))


def _pointer(path: tuple[str, ...]) -> tuple[str, ...]:
    if path[:2] != ("plugins", _CRI):
        return path
    if path[2:] in {(), ("containerd",)}:
        raise ValueError(f"/{'/'.join(path)} is version 2's; in version 3 its keys are in several plugins: name the key")
    return ("plugins", *_new_place(path[2:]))


def _mirrors(table: Table) -> Iterator[str]:
    """The CRI plugin of containerd 2 does not start with these beside ``config_path``, which node images set."""
    for plugin in (_CRI, _IMAGES):
        try:
            registry = json_patch.at(table, ("plugins", plugin, "registry"))
            mirrors, beside = json_patch.at(registry, ("mirrors",)), json_patch.at(registry, ("config_path",))
        except ValueError:
            continue
        if isinstance(mirrors, dict) and mirrors and beside:
            said = {host: one.get("endpoint", []) for host, one in mirrors.items() if isinstance(one, dict)}
            yield f"containerdConfigPatches: registry.mirrors cannot be set beside registry.config_path; say it as registryMirrors: {said}"
