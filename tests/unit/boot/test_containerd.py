"""Users' patches on the node image's containerd configuration."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from pytest_kind.boot.containerd import config_toml
from pytest_kind.errors import ConfigError

OURS = (Path(__file__).parents[3] / "node-image/rootfs/etc/containerd/config.toml").read_text(encoding="utf-8")
CRI, IMAGES, RUNTIME = "io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime"
# As in kind's published images.
KINDS = f"""
version = 2
[proxy_plugins."fuse-overlayfs"]
  type = "snapshot"
[plugins."{CRI}"]
  sandbox_image = "registry.k8s.io/pause:3.10"
  restrict_oom_score_adj = false
  [plugins."{CRI}".containerd]
    snapshotter = "overlayfs"
"""


def after(*merge: str, operations: tuple[str, ...] = (), text: str = OURS) -> dict[str, Any]:
    return tomllib.loads(config_toml(text, merge, operations))


def images(found: dict[str, Any]) -> Any:
    return found["plugins"][IMAGES]


def runtime(found: dict[str, Any]) -> Any:
    return found["plugins"][RUNTIME]


def problems(*merge: str, operations: tuple[str, ...] = (), text: str = OURS) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        config_toml(text, merge, operations)
    assert caught.value.source == "containerd patches"
    return caught.value.problems


@pytest.mark.parametrize("text", [OURS, KINDS])
def test_without_patches_the_configuration_says_what_it_said(text: str) -> None:
    assert after(text=text) == tomllib.loads(text)


def test_tables_are_merged_and_lists_replaced() -> None:
    found = after('disabled_plugins = ["x"]\n[debug]\nlevel = "debug"', "[debug]\nuid = 1")
    assert found["disabled_plugins"] == ["x"]
    assert found["debug"] == {"level": "debug", "uid": 1}
    assert found["plugins"] == tomllib.loads(OURS)["plugins"]


def test_a_patch_of_the_nodes_version() -> None:
    assert images(after(f'version = 3\n[plugins."{IMAGES}"]\nsnapshotter = "native"'))["snapshotter"] == "native"
    found = after(f'[plugins."{CRI}".containerd]\nsnapshotter = "native"', text=KINDS)["plugins"][CRI]
    assert found == {"sandbox_image": "registry.k8s.io/pause:3.10", "restrict_oom_score_adj": False, "containerd": {"snapshotter": "native"}}


class TestVersion2OnVersion3:
    def test_kinds_own_example(self) -> None:
        found = after(f'[plugins."{CRI}".registry]\n  config_path = "/etc/other"')
        assert images(found)["registry"] == {"config_path": "/etc/other"}
        assert CRI not in found["plugins"]

    def test_what_containerd_would_migrate_is_where_it_would_be(self) -> None:
        patch = f"""
            version = 2
            [debug]
              level = "debug"
            [plugins."io.containerd.gc.v1.scheduler"]
              startup_delay = "1s"
            [plugins."{CRI}"]
              sandbox_image = "pause:1"
              max_concurrent_downloads = 7
              stream_server_port = "10010"
              enable_unprivileged_ports = true
              restrict_oom_score_adj = false
            [plugins."{CRI}".cni]
              bin_dir = "/bin"
              conf_dir = "/conf"
            [plugins."{CRI}".containerd]
              snapshotter = "native"
              default_runtime_name = "crun"
            [plugins."{CRI}".containerd.runtimes.crun]
              runtime_type = "io.containerd.runc.v2"
              sandbox_mode = "shim"
            [plugins."{CRI}".containerd.runtimes.crun.options]
              BinaryName = "crun"
        """
        found = after(patch)
        assert found["version"] == 3
        assert found["debug"] == {"level": "debug"}
        assert found["plugins"]["io.containerd.gc.v1.scheduler"] == {"startup_delay": "1s"}
        assert found["plugins"][CRI] == {"stream_server_port": "10010"}
        assert images(found) == {
            "snapshotter": "native",
            "discard_unpacked_layers": True,
            "max_concurrent_downloads": 7,
            "pinned_images": {"sandbox": "pause:1"},
            "registry": {"config_path": "/etc/containerd/certs.d"},
        }
        assert runtime(found)["enable_unprivileged_ports"] is True
        assert runtime(found)["restrict_oom_score_adj"] is False
        assert runtime(found)["cni"] == {"bin_dirs": ["/bin"], "conf_dir": "/conf"}
        assert runtime(found)["containerd"]["default_runtime_name"] == "crun"
        runtimes = runtime(found)["containerd"]["runtimes"]
        assert runtimes["crun"] == {"runtime_type": "io.containerd.runc.v2", "sandboxer": "shim", "options": {"BinaryName": "crun"}}
        assert set(runtimes) == {"runc", "test-handler", "crun"}

    def test_a_table_without_keys_is_one(self) -> None:
        assert runtime(after(f'[plugins."{CRI}".containerd.runtimes.empty]'))["containerd"]["runtimes"]["empty"] == {}
        assert after(f'[plugins."{CRI}"]') == tomllib.loads(OURS)

    def test_operations(self) -> None:
        operations = f"""
            - {{op: replace, path: /plugins/{CRI}/containerd/snapshotter, value: native}}
            - {{op: remove, path: /plugins/{CRI}/restrict_oom_score_adj}}
            - {{op: copy, from: /plugins/{CRI}/sandbox_image, path: /plugins/{CRI}/registry/x}}
        """
        found = after(operations=(operations,))
        assert images(found)["snapshotter"] == "native"
        assert images(found)["registry"]["x"] == images(found)["pinned_images"]["sandbox"]
        assert "restrict_oom_score_adj" not in runtime(found)

    def test_operations_on_what_became_several_are_refused(self) -> None:
        (problem,) = problems(operations=(f"[{{op: remove, path: /plugins/{CRI}}}]",))
        assert problem == (
            f"containerdConfigPatchesJSON6902[0]: /plugins/{CRI} is version 2's; in version 3 its keys are in several plugins: name the key"
        )


class TestVersions:
    OLD, NEW = f'version = 2\n[plugins."{CRI}"]\na = "old"', f'version = 3\n[plugins."{RUNTIME}"]\na = "new"'

    def test_of_a_patch_for_each_the_nodes_counts(self) -> None:
        assert runtime(after(self.OLD, self.NEW))["a"] == runtime(after(self.NEW, self.OLD))["a"] == "new"
        assert after(self.OLD, self.NEW, text=KINDS)["plugins"][CRI]["a"] == "old"

    def test_one_that_is_alone_is_translated_or_refused(self) -> None:
        assert runtime(after(self.OLD))["a"] == "old"
        assert problems(self.NEW, text=KINDS) == ("containerdConfigPatches[0]: is for version 3 of containerd's format, the node's is 2",)

    def test_plugins_names_tell_a_patchs_version(self) -> None:
        assert runtime(after(self.OLD.partition("\n")[2]))["a"] == "old"
        assert problems(self.NEW.partition("\n")[2], text=KINDS) == (
            "containerdConfigPatches[0]: is for version 3 of containerd's format, the node's is 2",
        )


@pytest.mark.parametrize(
    ("patch", "problem"),
    [
        ("a", "is no TOML: Expected '=' after a key in a key/value pair (at end of document)"),
        ("version = 1", "version must be 2 or 3, found 1"),
        ('version = "2"', "version must be 2 or 3, found '2'"),
        (
            "[plugins.cri]",
            "plugins have names such as 'io.containerd.cri.v1.images' (version 3) and 'io.containerd.grpc.v1.cri' (version 2), found {'cri': {}}",
        ),
        (
            "plugins = 1",
            "plugins have names such as 'io.containerd.cri.v1.images' (version 3) and 'io.containerd.grpc.v1.cri' (version 2), found 1",
        ),
    ],
)
def test_what_cannot_be_merged_is_refused(patch: str, problem: str) -> None:
    assert problems("[debug]", patch) == (f"containerdConfigPatches[1]: {problem}",)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[{op: remove, path: /none}]", "[0]: operation 0: remove /none: there is no /none"),
        ("{}", "[0]: must be a list of RFC 6902 operations, such as [{op: add, path: /a, value: 1}]"),
        ("[{op: add, path: /a, value: null}]", "leave what TOML cannot say"),
        ("[{op: replace, path: '', value: [1]}]", "leave what TOML cannot say"),
    ],
)
def test_operations_that_cannot_be_done_are_refused(text: str, problem: str) -> None:
    (found,) = problems(operations=(text,))
    assert found.startswith("containerdConfigPatchesJSON6902")
    assert problem in found


def test_mirrors_of_old_are_refused_with_what_to_write() -> None:
    patch = f'[plugins."{CRI}".registry.mirrors."localhost:5001"]\nendpoint = ["http://kind-registry:5000"]'
    assert problems(patch) == (
        (
            "containerdConfigPatches: registry.mirrors cannot be set beside registry.config_path; "
            "say it as registryMirrors: {'localhost:5001': ['http://kind-registry:5000']}"
        ),
    )
    assert after(patch, text=KINDS)["plugins"][CRI]["registry"]["mirrors"] == {"localhost:5001": {"endpoint": ["http://kind-registry:5000"]}}


def test_all_that_is_wrong_is_said_at_once() -> None:
    found = problems("a", "version = 1", operations=("7", "[{op: remove, path: /none}]"))
    assert [problem.split(":")[0] for problem in found] == [
        "containerdConfigPatches[0]",
        "containerdConfigPatches[1]",
        "containerdConfigPatchesJSON6902[0]",
        "containerdConfigPatchesJSON6902[1]",
    ]
