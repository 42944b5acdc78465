"""The options: one table, and the only reader of command line, environment, ini and marker.

Precedence: marker > command line > environment > ini > default. This module is loaded in every pytest run of every
project that has the plugin installed: pytest and the standard library only.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    from pytest_kind.config.settings import Settings

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}


def _text(value: Any) -> str:  # noqa: ANN401 - a marker's may be anything
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a value that is not empty")
    return value


def _flag(value: Any) -> bool:  # noqa: ANN401 - as above
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in _TRUE | _FALSE:
        return value.lower() in _TRUE
    raise ValueError(f"one of {', '.join(sorted(_TRUE | _FALSE))}")


def _between(low: float, high: float, kind: type[int | float]) -> Callable[[Any], Any]:
    def parse(value: str | float) -> float:
        try:
            number = kind(value)
        except (TypeError, ValueError):
            number = None
        if number is None or not low <= number <= high:
            raise ValueError(f"a{' whole' if kind is int else ''} number of seconds from {low:g} to {high:g}")
        return number

    return parse


def _choice(*accepted: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in accepted:
            raise ValueError(f"one of {', '.join(accepted)}")
        return value

    return parse


def _count(low: int, high: int) -> Callable[[Any], Any]:
    def parse(value: str | int) -> int:
        if not str(value).isdigit() or not low <= int(value) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(value)

    return parse


def _words(value: str | list[str]) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(value) if isinstance(value, str) else map(str, value))
    except ValueError as error:
        raise ValueError(f"arguments as a shell takes them ({error})") from error


def _path(value: str | Path) -> Path:
    return Path(_text(str(value))).expanduser()


def _picture(value: str | Path) -> Path:
    path = _path(value)
    if path.suffix.lower() not in {".html", ".svg"}:
        raise ValueError("a file that ends in .svg or .html")
    return path


def preflight(value: str) -> str:
    """``on``, ``off`` or a list of findings to leave out.

    Raises:
        ValueError: it is none of these; what is accepted.
    """
    from pytest_kind.diagnose.doctor.judge import EARLY  # noqa: PLC0415 - for runs that say something of it

    wrong = [word for word in value.split(",") if word.removeprefix("no-") not in EARLY or not word.startswith("no-")]
    if value not in {"on", "off"} and wrong:
        raise ValueError(f"on, off, or a list such as no-memory,no-cpus; of {', '.join(EARLY)}")
    return value


def _source(value: str | Path) -> str | Path:
    text = _text(str(value))
    return text if text.startswith(("release:", "http://", "https://")) else _path(text)


def _version(value: Any) -> str:  # noqa: ANN401 - as above
    from pytest_kind.image import source  # noqa: PLC0415 - for runs that name one

    text = _text(value)
    if not source.accepted(text, released=True):
        raise ValueError(f"the form v1.37.1, from v1.{source.OLDEST_MINOR}.0 on")
    return text


class Option(NamedTuple):
    """One setting: ``--kind-cache-dir``, ``PYTEST_KIND_CACHE_DIR`` and ``kind_cache_dir`` are the option ``cache_dir``."""

    name: str
    parse: Callable[[Any], Any]
    default: Any
    metavar: str | None
    help: str

    @property
    def flag(self) -> str:
        return f"--kind-{self.name.replace('_', '-')}"

    @property
    def environment(self) -> str:
        return f"PYTEST_KIND_{self.name.upper()}"

    @property
    def ini(self) -> str:
        return f"kind_{self.name}"

    @property
    def told(self) -> str:
        """The help with the default, where that is more than nothing."""
        if self.default in {None, False} or "(default" in self.help:
            return self.help
        return f"{self.help} (default: {self.default:g})" if isinstance(self.default, float) else f"{self.help} (default: {self.default})"

    @property
    def dest(self) -> str:
        return f"kind_{self.name}"


OPTIONS = (
    Option("ahead", _flag, False, None, "begin the cluster of tests without a marker with the session, beside the collection"),
    Option("artifacts", _path, None, "DIR", "where JUnit, logs of all nodes and a summary are left at the end, for a CI system to collect"),
    Option("audit", _flag, False, None, "have the API server note what is asked of it; a failed test's report then has what the test asked"),
    Option("cache_dir", _path, None, "DIR", "where compiled parts of node images, locks and sessions lie (default: the user's cache folder)"),
    Option("cold", _flag, False, None, "make clusters from the ground: no copies of frozen ones, and none is frozen"),
    Option("config", _path, None, "FILE", "a cluster configuration in kind's v1alpha4 format (default: one control-plane node)"),
    Option("focus", _text, None, "REGEX", "run the upstream specs whose text it matches (ginkgo's focus: Go's regular expressions)"),
    Option("forensics", _choice("auto", "off"), "auto", "WHEN", "what a failed test's cluster tells of it, in the test's report: auto, or off"),
    Option("forensics_lines", _count(10, 10_000), 60, "N", "how many lines each section of that has at most"),
    Option("forensics_timeout", _between(1, 60, float), 5.0, "SECONDS", "how long it may take to ask the cluster"),
    Option("image", _text, None, "REF", "a node image, in the engine or to be pulled (default: a cached or new one of --kind-version)"),
    Option("keep", _flag, False, None, "leave the cluster running, and attach to it in the next run that asks for the same"),
    Option("keep_namespace", _choice("never", "failed"), "never", "WHEN", "keep the namespaces of kind_namespace: never, or those of failed tests"),
    Option("label_filter", _text, None, "EXPRESSION", "run the upstream specs whose labels it fits (ginkgo's: 'sig-storage && !Slow')"),
    Option("lease", _between(10, 86400, int), 300, "SECONDS", "how long nodes run on after this process is gone without having removed them"),
    Option(
        "leftovers",
        _choice("no", "warn", "fail"),
        "no",
        "WHAT",
        "what becomes of a test that leaves something outside of its namespace: warn, or fail",
    ),
    Option(
        "max_clusters", _count(1, 64), None, "N", "how many clusters --kind-per-worker may have at a time (default: what memory and processors carry)"
    ),
    Option("missing_image", _choice("fail", "skip"), "fail", "WHAT", "what becomes of an upstream spec whose image cannot be pulled: fail, or skip"),
    Option("name", _text, None, "NAME", "the cluster's name (default: a random one)"),
    Option("network", _text, "bridge", "NETWORK", "the engine's network for the nodes"),
    Option("per_worker", _flag, False, None, "give each worker of xdist a cluster of its own (default: all workers share one)"),
    Option("preflight", preflight, "on", "WHAT", "the look at the machine before the first cluster: on, off, or without some (no-memory,no-cpus)"),
    Option(
        "procs", _count(1, 64), None, "N", "how many upstream specs run beside each other (default: twice the processors; on xdist's workers one)"
    ),
    Option(
        "report", _path, None, "DIR", "where a page about the run is left at its end, index.html: tests, clusters, their events and what they used"
    ),
    Option("skip", _text, None, "REGEX", "leave out the upstream specs whose text it matches (ginkgo's skip)"),
    Option("source", _source, None, "SOURCE", "what Kubernetes is taken from: a checkout's folder, a server tarball's path or URL, release:v1.37.1"),
    Option("spec_timeout", _between(1, 86400, float), 1800.0, "SECONDS", "how long an upstream spec may take before it is broken off"),
    Option("stand_ins", _flag, False, None, "serve images that this project builds under the names of upstream's, for machines without a registry"),
    Option("static_pods", _flag, False, None, "run the control plane as static pods also where it could run as units of its node"),
    Option(
        "suite", _path, None, "FILE", "the binary with the specs, e2e.test (default: of the cluster's version, from the same source as its image)"
    ),
    Option("suite_args", _words, None, "ARGS", "further arguments for that binary, such as -storage.testdriver=FILE"),
    Option(
        "timeline", _picture, None, "FILE", "a picture of how each cluster booted, .svg or .html; beside it a trace for chrome://tracing and Perfetto"
    ),
    Option("timeout", _between(5, 3600, float), 120.0, "SECONDS", "how long a cluster may take to become ready, its image not included"),
    Option(
        "version", _version, None, "VERSION", "the Kubernetes version of the node image, such as v1.37.1 (default: the newest that this plugin knows)"
    ),
    Option("warm", _count(0, 8), 0, "N", "make N such clusters while the tests run, ready for the next run to take; an hour at most"),
)
# For `--help`; what is named in none of these is in the first. (pytest compares each name with all of its group: one group cost a millisecond.)
_TITLE = "Kubernetes clusters (pytest-kind-native)"
_GROUPS = {
    "node images": {"image", "source", "version"},
    "upstream specs": {"focus", "label_filter", "missing_image", "procs", "skip", "spec_timeout", "stand_ins", "suite", "suite_args"},
    "what a run tells and leaves": {
        *("artifacts", "audit", "forensics", "forensics_lines", "forensics_timeout", "keep_namespace", "leftovers", "report", "timeline"),
    },
}
# Three ways to say what is in the node image: the closest place that has one of them decides.
_IMAGES = ("image", "source", "version")
# Whose paths are relative to the folder that pytest was started in; others are to the project's.
_INVOKED = {name for option in OPTIONS for name in (option.flag, option.environment)}
GC_HELP = "remove what dead runs left (containers, volumes, files), and exit"

# PyPI's pytest-kind has these; they are registered where no other plugin has them: flag, name, metavar, help.
LEGACY = (
    ("--cluster-name", "name", "NAME", "the same as --kind-name"),
    ("--keep-cluster", "keep", None, "the same as --kind-keep"),
    ("--kubeconfig", "kubeconfig", "FILE", "where the cluster's kubeconfig is written (default: a private file that goes with the session)"),
    ("--kind-bin", "bin", "FILE", "accepted and ignored: there is no kind binary"),
    ("--kind-kubectl-bin", "kubectl_bin", "FILE", "accepted and ignored: kubectl is the node's"),
)

MARKER = (
    "kind(config=None, *, image=None, source=None, version=None, network=None, timeout=None, fresh=False, namespace=None): the cluster of this "
    "test: a configuration (a file's path, a mapping with kind's field names, a ClusterConfig) and what else differs from the options; "
    "tests that ask for the same share one. fresh=True: the test gets it as it was when the first one got it. namespace={...}: its namespace's "
    "quota, limits, pod_security, labels, annotations"
)
_MARKER_KEYS = {"config", "image", "source", "version", "network", "timeout"}
# The marker's alone: they are not about which cluster it is.
_FRESH, _NAMESPACE = "fresh", "namespace"
FRESH_FIXTURE = "kind_fresh_cluster"


def register(parser: pytest.Parser) -> None:
    """Adds options and ini keys."""
    first = parser.getgroup("kind", _TITLE)
    groups = {name: parser.getgroup(f"kind {what}", f"{_TITLE}: {what}") for what, names in _GROUPS.items() for name in names}
    for option in OPTIONS:
        group = groups.get(option.name, first)
        if option.metavar is None:
            group.addoption(option.flag, dest=option.dest, action="store_true", default=None, help=option.told)
        else:
            # A presubmit's word for it: build this, and run its specs.
            flags = [option.flag, "--kind-build"] if option.name == "source" else [option.flag]
            group.addoption(*flags, dest=option.dest, metavar=option.metavar, default=None, help=option.told)
        parser.addini(option.ini, f"{option.told} ({option.flag}, {option.environment})", default=None)
    first.addoption("--kind-gc", dest="kind_gc", action="store_true", default=False, help=GC_HELP)


def register_legacy(parser: pytest.Parser) -> None:
    """Adds the names of PyPI's pytest-kind that are free, once every other plugin has had its turn."""
    group = parser.getgroup("kind")
    # pytest itself notices a name that is taken when it is too late, or in one group alone.
    taken = {name for one in (parser._anonymous, *parser._groups) for option in one.options for name in option.names()}  # noqa: SLF001
    for flag, name, metavar, words in LEGACY:
        if flag in taken:
            continue  # another plugin's: theirs it is
        if metavar is not None:
            group.addoption(flag, dest=f"kind_{name}", metavar=metavar, default=None, help=words)
        else:
            group.addoption(flag, dest=f"kind_{name}", action="store_true", default=None, help=words)


def resolve(config: pytest.Config, marks: Mapping[str, Any] | None = None, where: str = "") -> Settings:
    """The settings of a run, or of a test whose marker says more.

    Args:
        marks: what the marker was given.
        where: who says it, for messages: ``@pytest.mark.kind(…) of test_it.py::test_it``.

    Raises:
        pytest.UsageError: any value that is not accepted; all of them in one message.
    """
    from pytest_kind.config.settings import Settings  # noqa: PLC0415 - not needed for other projects' runs

    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    wrong: list[str] = []
    for option in OPTIONS:
        source, raw = given(config, option, marks or {}, where)
        sources[option.name] = source
        if raw is None:
            values[option.name] = option.default
            continue
        if option.name == "config" and not isinstance(raw, (str, Path)):
            values[option.name] = raw  # a marker's mapping or ClusterConfig
            continue
        try:
            values[option.name] = option.parse(raw)
        except ValueError as error:
            wrong.append(f"{source}: {raw!r} is not accepted; accepted is {error}")
    wrong += _one_image(values, sources)
    wrong += [f"{where.replace('(…)', '', 1)}: no such argument: {key}" for key in sorted(set(marks or ()) - _MARKER_KEYS)]
    if wrong:
        raise pytest.UsageError("\n".join(wrong))
    if values["cache_dir"] is None:
        values["cache_dir"] = default_cache()
    for name in ("artifacts", "cache_dir", "config", "report", "source", "suite", "timeline"):
        if isinstance(values[name], Path):
            base = config.invocation_params.dir if sources[name] in _INVOKED else config.rootpath
            values[name] = (base / values[name]).absolute()
    return Settings(**values, sources=sources)


def _one_image(values: dict[str, Any], sources: Mapping[str, str]) -> list[str]:
    """Leaves of ``_IMAGES`` what the closest place says; says what is wrong with that."""
    options = {option.name: option for option in OPTIONS}

    def distance(name: str) -> int:
        places = [options[name].flag, options[name].environment, options[name].ini]
        return places.index(sources[name]) if sources[name] in places else -1  # a marker

    given = [name for name in _IMAGES if values.get(name) is not None]
    closest = min((distance(name) for name in given), default=0)
    for name in given:
        if distance(name) > closest:
            values[name] = None
    others = [sources[name] for name in given if name != "source" and values[name] is not None]
    if values.get("source") is None or not others:
        return []
    return [f"{sources['source']}: given together with {' and '.join(others)}; only one of them can say what is in the node image"]


def given(config: pytest.Config, option: Option, marks: Mapping[str, Any], where: str) -> tuple[str, Any]:
    """What gives an option its value, and that as it was written."""
    if marks.get(option.name) is not None and option.name in _MARKER_KEYS:
        return where.replace("(…)", f"({option.name}=…)", 1), marks[option.name]
    said = config.getoption(option.dest, None)
    if said is not None:
        return option.flag, said
    if option.environment in os.environ:
        return option.environment, os.environ[option.environment]
    ini = _ini(config, option.ini)
    return (option.ini, ini) if ini not in (None, "") else (option.flag, None)


def _ini(config: pytest.Config, name: str) -> Any:  # noqa: ANN401 - as it is written
    try:
        return config.getini(name)
    except (TypeError, pytest.UsageError):  # [tool.pytest] and pytest.toml have types; declared, a value of any other would be pytest's error
        return config._inicfg[name].value  # noqa: SLF001 - there is no public way


def default_cache() -> Path:
    """The user's cache folder."""
    from platformdirs import user_cache_path  # noqa: PLC0415 - only for runs that use clusters

    return user_cache_path("pytest-kind", appauthor=False)


def is_fresh(item: pytest.Item | Any) -> bool:  # noqa: ANN401 - as below
    """Whether a test wants the cluster as it was when it was handed over."""
    said = _marked(item).get(_FRESH, False)
    if not isinstance(said, bool):
        raise pytest.UsageError(f"@pytest.mark.kind(fresh=…) of {item.nodeid}: {said!r} is not accepted; accepted is True or False")
    return said or FRESH_FIXTURE in getattr(item, "fixturenames", ())


def marker_values(item: pytest.Item | Any) -> dict[str, Any]:  # noqa: ANN401 - a Metafunc's definition too
    """What the closest ``kind`` markers of a test say of its cluster, together."""
    return {name: value for name, value in _marked(item).items() if name not in {_FRESH, _NAMESPACE}}


def namespace_values(node: pytest.Item | pytest.Collector | Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    """What the closest ``kind`` markers of a test, a class, a module say of its namespace, together."""
    values: dict[str, Any] = {}
    for mark in node.iter_markers("kind"):
        said = mark.kwargs.get(_NAMESPACE) or {}
        if not isinstance(said, Mapping):
            raise pytest.UsageError(f"@pytest.mark.kind(namespace=…) of {node.nodeid}: {said!r} is not accepted; accepted is a mapping")
        values = {**said, **values}
    return values


def _marked(item: pytest.Item | Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    values: dict[str, Any] = {}
    for mark in item.iter_markers("kind"):
        if len(mark.args) > 1:
            raise pytest.UsageError(f"@pytest.mark.kind of {item.nodeid}: takes one positional argument (config), found {len(mark.args)}")
        found = {**({"config": mark.args[0]} if mark.args else {}), **mark.kwargs}
        values = {**found, **values}
    return values
