"""Every option, from every place that can give it, and which place wins."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from pytest_kind import options
from pytest_kind.options import OPTIONS, Option

# Option -> what the command line, the environment and the ini file say, and what that means.
SAID: dict[str, tuple[tuple[str, Any], tuple[str, Any], tuple[str, Any]]] = {
    "ahead": (("", True), ("off", False), ("yes", True)),
    "artifacts": (("/cli", Path("/cli")), ("/env", Path("/env")), ("/ini", Path("/ini"))),
    "audit": (("", True), ("off", False), ("yes", True)),
    "cache_dir": (("/cli", Path("/cli")), ("/env", Path("/env")), ("/ini", Path("/ini"))),
    "cold": (("", True), ("off", False), ("yes", True)),
    "config": (("/cli.yaml", Path("/cli.yaml")), ("/env.yaml", Path("/env.yaml")), ("/ini.yaml", Path("/ini.yaml"))),
    "focus": (("cli", "cli"), ("env", "env"), ("ini", "ini")),
    "forensics": (("off", "off"), ("auto", "auto"), ("off", "off")),
    "forensics_lines": (("11", 11), ("12", 12), ("13", 13)),
    "forensics_timeout": (("1.5", 1.5), ("2", 2.0), ("3", 3.0)),
    "image": (("cli:1", "cli:1"), ("env:1", "env:1"), ("ini:1", "ini:1")),
    "keep": (("", True), ("off", False), ("yes", True)),
    "keep_namespace": (("failed", "failed"), ("never", "never"), ("failed", "failed")),
    "label_filter": (("cli", "cli"), ("env", "env"), ("ini", "ini")),
    "lease": (("11", 11), ("12", 12), ("13", 13)),
    "leftovers": (("warn", "warn"), ("no", "no"), ("fail", "fail")),
    "max_clusters": (("2", 2), ("3", 3), ("4", 4)),
    "missing_image": (("skip", "skip"), ("fail", "fail"), ("skip", "skip")),
    "name": (("cli", "cli"), ("env", "env"), ("ini", "ini")),
    "network": (("cli", "cli"), ("env", "env"), ("ini", "ini")),
    "per_worker": (("", True), ("off", False), ("yes", True)),
    "preflight": (("off", "off"), ("on", "on"), ("no-memory,no-cpus", "no-memory,no-cpus")),
    "procs": (("2", 2), ("3", 3), ("4", 4)),
    "report": (("/cli", Path("/cli")), ("/env", Path("/env")), ("/ini", Path("/ini"))),
    "skip": (("cli", "cli"), ("env", "env"), ("ini", "ini")),
    "source": (("/cli", Path("/cli")), ("https://env", "https://env"), ("release:v1.3.3", "release:v1.3.3")),
    "spec_timeout": (("11.5", 11.5), ("12", 12.0), ("13", 13.0)),
    "stand_ins": (("", True), ("off", False), ("yes", True)),
    "static_pods": (("", True), ("off", False), ("yes", True)),
    "suite": (("/cli", Path("/cli")), ("/env", Path("/env")), ("/ini", Path("/ini"))),
    "suite_args": (("-a 'b c'", ("-a", "b c")), ("-e", ("-e",)), ("-i", ("-i",))),
    "timeline": (("/cli.svg", Path("/cli.svg")), ("/env.html", Path("/env.html")), ("/ini.SVG", Path("/ini.SVG"))),
    "timeout": (("11.5", 11.5), ("12", 12.0), ("13", 13.0)),
    "version": (("v1.31.1", "v1.31.1"), ("v1.32.2", "v1.32.2"), ("v1.33.3-rc.1", "v1.33.3-rc.1")),
    "warm": (("1", 1), ("2", 2), ("3", 3)),
}
MARKED: dict[str, tuple[Any, Any]] = {
    "config": ("/marker.yaml", Path("/marker.yaml")),
    "image": ("marker:1", "marker:1"),
    "network": ("marker", "marker"),
    "source": ("/marker", Path("/marker")),
    "timeout": (14, 14.0),
    "version": ("v1.34.4", "v1.34.4"),
}
by_name = pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)


class Places:
    """The three places of one option, and what a run makes of them."""

    def __init__(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, option: Option) -> None:
        self._pytester, self._monkeypatch, self._option = pytester, monkeypatch, option
        self._args: list[str] = []

    def command_line(self, value: str) -> None:
        self._args = [f"{self._option.flag}={value}" if value else self._option.flag]

    def environment(self, value: str) -> None:
        self._monkeypatch.setenv(self._option.environment, value)

    def ini(self, value: str) -> None:
        self._pytester.makeini(f"[pytest]\n{self._option.ini} = {value}\n")

    def resolved(self, marks: dict[str, Any] | None = None) -> tuple[Any, str]:
        """The option's value and what gave it."""
        settings = options.resolve(self._pytester.parseconfig(*self._args), marks, "@pytest.mark.kind(…) of test_it.py::test_a")
        return asdict(settings)[self._option.name], settings.sources[self._option.name]


@pytest.fixture
def places(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, option: Option) -> Places:
    return Places(pytester, monkeypatch, option)


def test_every_option_is_tested() -> None:
    assert [option.name for option in OPTIONS] == list(SAID)
    assert set(MARKED) == options._MARKER_KEYS


def test_every_default(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    settings = asdict(options.resolve(pytester.parseconfig()))
    settings.pop("sources")
    assert settings.pop("apart") is False
    assert settings.pop("marks") == {}
    assert settings == {
        "ahead": False,
        "artifacts": None,
        "audit": False,
        "cache_dir": tmp_path / "pytest-kind",
        "cold": False,
        "config": None,
        "focus": None,
        "forensics": "auto",
        "forensics_lines": 60,
        "forensics_timeout": 5.0,
        "image": None,
        "keep": False,
        "keep_namespace": "never",
        "label_filter": None,
        "lease": 300,
        "leftovers": "no",
        "max_clusters": None,
        "missing_image": "fail",
        "name": None,
        "network": "bridge",
        "per_worker": False,
        "preflight": "on",
        "procs": None,
        "report": None,
        "skip": None,
        "source": None,
        "spec_timeout": 1800.0,
        "stand_ins": False,
        "static_pods": False,
        "suite": None,
        "suite_args": None,
        "timeline": None,
        "timeout": 120.0,
        "version": None,
        "warm": 0,
    }


@by_name
def test_names_follow_from_one(option: Option) -> None:
    assert option.flag == "--kind-" + option.name.replace("_", "-")
    assert option.environment == "PYTEST_KIND_" + option.name.upper()
    assert option.ini == option.dest == "kind_" + option.name


@by_name
def test_the_ini_file_gives_it(places: Places, option: Option) -> None:
    _, _, (text, value) = SAID[option.name]
    places.ini(text)
    assert places.resolved() == (value, option.ini)


@by_name
def test_the_environment_wins_over_the_ini_file(places: Places, option: Option) -> None:
    _, (env, value), (ini, _) = SAID[option.name]
    places.ini(ini)
    places.environment(env)
    assert places.resolved() == (value, option.environment)


@by_name
def test_the_command_line_wins_over_the_environment(places: Places, option: Option) -> None:
    (cli, value), (env, _), (ini, _) = SAID[option.name]
    places.ini(ini)
    places.environment(env)
    places.command_line(cli)
    assert places.resolved() == (value, option.flag)


@pytest.mark.parametrize("option", [option for option in OPTIONS if option.name in MARKED], ids=lambda option: option.name)
def test_a_marker_wins_over_the_command_line(places: Places, option: Option) -> None:
    raw, value = MARKED[option.name]
    (cli, _), (env, _), (ini, _) = SAID[option.name]
    places.ini(ini)
    places.environment(env)
    places.command_line(cli)
    assert places.resolved({option.name: raw}) == (value, f"@pytest.mark.kind({option.name}=…) of test_it.py::test_a")


@pytest.mark.parametrize("option", [option for option in OPTIONS if option.name in MARKED], ids=lambda option: option.name)
def test_a_marker_that_says_none_says_nothing(places: Places, option: Option) -> None:
    (cli, value), _, _ = SAID[option.name]
    places.command_line(cli)
    assert places.resolved({option.name: None}) == (value, option.flag)


@pytest.mark.parametrize("value", [{"kind": "Cluster"}, 7])
def test_a_markers_configuration_may_be_any_object(pytester: pytest.Pytester, value: object) -> None:
    assert options.resolve(pytester.parseconfig(), {"config": value}, "t").config is value


@pytest.mark.parametrize(("text", "value"), [("1", True), ("TRUE", True), ("Yes", True), ("on", True), ("0", False), ("False", False), ("no", False)])
def test_words_for_yes_and_no(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, text: str, value: bool) -> None:
    monkeypatch.setenv("PYTEST_KIND_KEEP", text)
    assert options.resolve(pytester.parseconfig()).keep is value


@pytest.mark.parametrize(
    ("said", "name", "value"),
    [
        ("kind_keep = true", "keep", True),
        ("kind_timeout = 60", "timeout", 60.0),
        ("kind_forensics_timeout = 1.5", "forensics_timeout", 1.5),
        ("kind_warm = 2", "warm", 2),
        ("kind_suite_args = ['-a', '-b c']", "suite_args", ("-a", "-b c")),
        ("kind_version = 'v1.36.0'", "version", "v1.36.0"),
    ],
)
def test_a_table_with_types_gives_it(pytester: pytest.Pytester, said: str, name: str, value: object) -> None:
    pytester.makefile(".toml", pyproject=f"[tool.pytest]\n{said}\n")
    assert getattr(options.resolve(pytester.parseconfig()), name) == value


@pytest.mark.parametrize("said", ["kind_keep = 7", "kind_timeout = true", "kind_name = ['a']", "kind_warm = 1.5", "kind_forensics = false"])
def test_a_value_of_a_type_that_it_cannot_be(pytester: pytest.Pytester, said: str) -> None:
    pytester.makefile(".toml", pyproject=f"[tool.pytest]\n{said}\n")
    with pytest.raises(pytest.UsageError, match=f"^{said.split(maxsplit=1)[0]}: .* is not accepted"):
        options.resolve(pytester.parseconfig())


class TestPaths:
    """A path is relative to who gives it: the ini file's folder, or the one that pytest was started in."""

    @pytest.fixture(autouse=True)
    def started_below(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
        pytester.makeini("[pytest]\nkind_config = kind.yaml\n")
        below = pytester.mkdir("below")
        monkeypatch.chdir(below)
        return below

    def test_of_the_ini_file(self, pytester: pytest.Pytester) -> None:
        assert options.resolve(pytester.parseconfig()).config == pytester.path / "kind.yaml"

    def test_of_a_marker(self, pytester: pytest.Pytester) -> None:
        assert options.resolve(pytester.parseconfig(), {"config": "m.yaml"}, "t").config == pytester.path / "m.yaml"

    def test_of_the_command_line(self, pytester: pytest.Pytester, started_below: Path) -> None:
        assert options.resolve(pytester.parseconfig("--kind-config=c.yaml")).config == started_below / "c.yaml"

    def test_of_the_environment(self, pytester: pytest.Pytester, started_below: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PYTEST_KIND_CONFIG", "e.yaml")
        assert options.resolve(pytester.parseconfig()).config == started_below / "e.yaml"

    def test_of_the_home_folder(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", "/home/me")
        assert options.resolve(pytester.parseconfig("--kind-cache-dir=~/cache")).cache_dir == Path("/home/me/cache")


def test_help_has_every_name(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    said = pytester.runpytest_inprocess("--help").stdout.str()
    names = [name for option in OPTIONS for name in (f"  {option.flag}", f"  {option.ini} (", option.environment)]
    assert [name for name in [*names, "  --kind-gc", "  --cluster-name", "  --keep-cluster"] if name not in said] == []


def test_help_has_every_default(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    said = pytester.runpytest_inprocess("--help").stdout.str()
    shown = {option.name: option.told for option in OPTIONS if option.default not in {None, False}}
    assert [name for name, told in shown.items() if "(default: " not in told or told not in said] == []
    assert (shown["lease"][-14:], shown["timeout"][-14:], shown["preflight"][-13:]) == ("(default: 300)", "(default: 120)", "(default: on)")


def test_markers_are_listed_with_what_they_take(pytester: pytest.Pytester) -> None:
    said = pytester.runpytest_inprocess("--markers").stdout
    said.fnmatch_lines(
        ["@pytest.mark.kind(config=None, [*], image=None, source=None, version=None, network=None, timeout=None, fresh=False, namespace=None): *"]
    )


class TestOneImage:
    """Image, source and version say the same thing: the closest place decides, and there only one of them may be a source."""

    @pytest.fixture(autouse=True)
    def project(self, pytester: pytest.Pytester) -> None:
        pytester.makeini("[pytest]\nkind_version = v1.35.0\n")

    def resolved(self, pytester: pytest.Pytester, *arguments: str, **marks: str) -> tuple[Any, Any, Any]:
        settings = options.resolve(pytester.parseconfig(*arguments), marks, "t(…)")
        return settings.image, settings.source, settings.version

    @pytest.mark.parametrize(
        ("arguments", "marks", "values"),
        [
            ((), {}, (None, None, "v1.35.0")),
            (("--kind-source=release:v1.36.0",), {}, (None, "release:v1.36.0", None)),
            (("--kind-image=a:1",), {}, ("a:1", None, None)),
            (("--kind-source=release:v1.36.0",), {"version": "v1.34.0"}, (None, None, "v1.34.0")),
            (("--kind-version=v1.36.0",), {"source": "release:v1.34.0"}, (None, "release:v1.34.0", None)),
            (("--kind-image=a:1", "--kind-version=v1.36.0"), {}, ("a:1", None, "v1.36.0")),
        ],
    )
    def test_the_closest_place_decides(
        self, pytester: pytest.Pytester, arguments: tuple[str, ...], marks: dict[str, str], values: tuple[Any, Any, Any]
    ) -> None:
        assert self.resolved(pytester, *arguments, **marks) == values

    @pytest.mark.parametrize(
        ("arguments", "marks", "message"),
        [
            (("--kind-source=/k", "--kind-image=a:1"), {}, "--kind-source: given together with --kind-image"),
            (("--kind-source=/k", "--kind-version=v1.36.0"), {}, "--kind-source: given together with --kind-version"),
            (
                (),
                {"source": "/k", "image": "a:1", "version": "v1.36.0"},
                "t(source=…): given together with t(image=…) and t(version=…)",
            ),
        ],
    )
    def test_a_source_beside_another_is_refused(
        self, pytester: pytest.Pytester, arguments: tuple[str, ...], marks: dict[str, str], message: str
    ) -> None:
        with pytest.raises(pytest.UsageError) as caught:
            self.resolved(pytester, *arguments, **marks)
        assert str(caught.value) == f"{message}; only one of them can say what is in the node image"

    def test_a_path_is_relative_to_who_gives_it(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", "/home/me")
        assert self.resolved(pytester, "--kind-source=~/k")[1] == Path("/home/me/k")
        assert self.resolved(pytester, source="k")[1] == pytester.path / "k"
