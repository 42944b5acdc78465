"""What a node image is made of, and the digest over it."""

from __future__ import annotations

import io
import shutil
import tokenize
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import pytest_kind
from pytest_kind.errors import ImageError
from pytest_kind.image import inputs as image_inputs
from pytest_kind.image.inputs import Inputs, node_image_dir, read_inputs


def without_comments(file: Path) -> str:
    """By the standard library's tokenizer."""
    text = file.read_text(encoding="utf-8")
    lines = text.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    return "\n".join(line.rstrip() for line in lines if line.strip())


def write(inputs: Inputs, name: str, text: str) -> None:
    (inputs.root / name).write_text(text, encoding="utf-8")


def test_lists_have_neither_comments_nor_empty_lines(inputs: Inputs) -> None:
    assert inputs.packages == ["bash", "systemd"]
    assert inputs.masked_units == ["a.service"]


def test_the_tag_has_version_and_digest(inputs: Inputs) -> None:
    assert len(inputs.digest) == 16
    assert inputs.tag == f"pytest-kind/node:v1.37.1-{inputs.digest}"


@pytest.mark.parametrize(("version", "pinned"), [("v1.37.1", True), ("v1.36.0", False)])
def test_pinned_is_the_version_of_the_committed_sums(inputs: Inputs, version: str, pinned: bool) -> None:
    assert replace(inputs, kubernetes=version).pinned is pinned


def test_the_digest_is_the_same_for_the_same_files_anywhere(inputs: Inputs) -> None:
    copy = inputs.root.rename(inputs.root.with_name("elsewhere"))
    moved = replace(inputs, root=copy).digest
    copy.rename(inputs.root)
    assert moved == inputs.digest


@pytest.mark.parametrize(
    "change",
    [
        lambda one: write(one, "packages.txt", "bash\n"),
        lambda one: write(one, "fresh", ""),
        lambda one: (one.root / "go/etcd/go.mod").rename(one.root / "go/etcd/go.other"),
        lambda one: (one.root / "packages.txt").chmod(0o755),
        lambda one: (one.root / "packages.txt").unlink(),
    ],
    ids=["content", "another file", "name", "mode", "one file less"],
)
def test_any_change_of_a_file_changes_the_digest(inputs: Inputs, change: Callable[[Inputs], object]) -> None:
    before = inputs.digest
    change(inputs)
    assert inputs.digest != before


@pytest.mark.parametrize("change", [{"architecture": "arm64"}, {"kubernetes": "v1.36.0"}])
def test_version_and_architecture_change_the_digest(inputs: Inputs, change: dict[str, str]) -> None:
    assert replace(inputs, **change).digest != inputs.digest  # type: ignore[arg-type]


def test_who_may_read_a_file_does_not_change_the_digest(inputs: Inputs) -> None:
    before = inputs.digest
    (inputs.root / "packages.txt").chmod(0o600)
    assert inputs.digest == before


def test_the_border_between_two_texts_counts(inputs: Inputs) -> None:
    assert inputs.digest_of("ab", "c") != inputs.digest_of("a", "bc")
    assert inputs.digest_of("a", "b") == inputs.digest_of("a", "b")


def test_a_part_follows_only_what_it_is_made_of(inputs: Inputs) -> None:
    before = inputs.digest_of(inputs.root / "go/etcd")
    write(inputs, "packages.txt", "other\n")
    assert inputs.digest_of(inputs.root / "go/etcd") == before
    write(inputs, "go/etcd/go.mod", "other\n")
    assert inputs.digest_of(inputs.root / "go/etcd") != before


def test_the_inputs_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    found = read_inputs("amd64")
    assert found.root == node_image_dir()
    assert found.kubernetes == found.versions["kubernetes"]["version"]
    assert found.pinned
    assert "systemd" in found.packages
    assert read_inputs("amd64", "v1.36.0").kubernetes == "v1.36.0"


def test_an_installation_without_its_files_says_so(inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    lonely = inputs.root / "site/pytest_kind/image/inputs.py"
    monkeypatch.setattr(image_inputs, "__file__", str(lonely))
    with pytest.raises(ImageError, match=f"^the files of the node image are missing from the installation at {lonely.parent.parent}$"):
        node_image_dir()


def test_an_installed_package_has_them_inside(inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    package = inputs.root / "site/pytest_kind"
    (package / "_node_image").mkdir(parents=True)
    (package / "_node_image/versions.toml").touch()
    monkeypatch.setattr(image_inputs, "__file__", str(package / "image/inputs.py"))
    assert node_image_dir() == package / "_node_image"


def test_what_kubernetes_comes_from_changes_the_digest_and_is_none_by_default(inputs: Inputs) -> None:
    assert inputs.source == ""
    assert len({replace(inputs, source=source).digest for source in ("", "a", "b")}) == 3


def test_a_version_between_releases_makes_a_tag_that_can_be_one(inputs: Inputs) -> None:
    between = replace(inputs, kubernetes="v1.38.0-alpha.0.6+84c76d1142ea4d")
    assert between.image_version == "v1.38.0-alpha.0.6_84c76d1142ea4d"
    assert between.tag == f"pytest-kind/node:v1.38.0-alpha.0.6_84c76d1142ea4d-{between.digest}"


class TestCode:
    """The Python that makes an image is one of its inputs; what is said about it is not."""

    @pytest.fixture
    def module(self, inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> Path:
        """One of the modules, in a folder of its own with the others."""
        package = inputs.root.parent / "image"
        shutil.copytree(Path(image_inputs.__file__).parent, package)
        monkeypatch.setattr(image_inputs, "__file__", str(package / "inputs.py"))
        return package / "debian.py"

    def test_a_comment_or_an_empty_line_changes_nothing(self, inputs: Inputs, module: Path) -> None:
        before = inputs.digest
        text = module.read_text(encoding="utf-8")
        module.write_text(f"# said\n\n{text.replace('_PULL_SECONDS = 120.0', '_PULL_SECONDS = 120.0  # two minutes')}", encoding="utf-8")
        assert module.read_text(encoding="utf-8") != f"# said\n\n{text}"
        assert inputs.digest == before

    def test_another_constant_does(self, inputs: Inputs, module: Path) -> None:
        before = inputs.digest
        module.write_text(module.read_text(encoding="utf-8").replace("./usr/share/man", "./usr/share/men"), encoding="utf-8")
        assert inputs.digest != before

    @pytest.mark.parametrize(
        "sign",
        [
            '"a # {}"',
            "'a # {}'",
            'f"a # {}"',
            r'r"\" # {}"',
            r"""'\' # {}'""",
            '"\'" "# {}"',
            '"""a\n# {}\n"""',
            '"""a "" b # {} \\""""',
            "'''a\n'' # {}\n'''",
        ],
    )
    def test_a_sign_in_a_text_is_no_comment(self, inputs: Inputs, module: Path, sign: str) -> None:
        text = module.read_text(encoding="utf-8")
        digests = set()
        for word in ("b", "c"):
            line = f"_SIGN = {sign.format(word)}"
            compile(line, "a module's", "exec")
            module.write_text(f"{text}\n{line}\n", encoding="utf-8")
            digests.add(inputs.digest)
        assert len(digests) == 2

    @pytest.mark.parametrize("before", ['"a"', '"# a"', "''", '""', "'\"'", r'"\""', r"'\\'", '"""\'\'\' # """', "1"])
    def test_a_comment_after_a_text_is_one(self, inputs: Inputs, module: Path, before: str) -> None:
        text = module.read_text(encoding="utf-8")
        digests = set()
        for comment in ("", "  # b", "  # it's \"c", '  # """'):
            module.write_text(f"{text}\n_SIGN = {before}{comment}\n", encoding="utf-8")
            digests.add(inputs.digest)
        assert len(digests) == 1

    def test_comments_are_those_that_python_finds_in_all_of_the_package(self) -> None:
        files = sorted(Path(pytest_kind.__file__).parent.rglob("*.py"))
        assert len(files) > 200
        assert [str(file) for file in files if image_inputs._code(file) != without_comments(file)] == []

    def test_every_module_that_makes_something_is_among_them(self) -> None:
        folder = Path(image_inputs.__file__).parent
        others = {
            "__init__.py",
            "balancer.py",
            "download.py",
            "facts.py",
            "host.py",
            "inputs.py",
            "kindest.py",
            "store.py",
            "suite.py",
            "suite_tarball.py",
        }
        others |= {"unused.py", "workshop.py"}
        assert {file.name for file in folder.glob("*.py")} - others == set(image_inputs._ASSEMBLERS)
