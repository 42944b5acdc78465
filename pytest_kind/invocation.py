"""What a run was started for, beside its settings: which tests and specs, where, and who watches.

Loaded in every pytest run of every project that has this plugin installed, as ``options.py`` is.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from pytest_kind import options
from pytest_kind.keys import WORKERINPUT


def kubeconfig_file(config: pytest.Config) -> Path | None:
    """Where this process writes its cluster's kubeconfig, if it does. A worker of xdist with a cluster of its own has a file of its own."""
    given = config.getoption("kind_kubeconfig", None)
    if given is None:
        return None
    path: Path = config.invocation_params.dir / Path(given).expanduser()
    worker, own = worker_of(config), has_own_cluster(config)
    if worker:
        return path.with_name(f"{path.name}-{worker}") if own else None
    return None if own else path


def worker_of(config: pytest.Config) -> str:
    """The name of this worker of xdist; empty in other processes."""
    return str(getattr(config, "workerinput", {}).get("workerid", ""))


def has_own_cluster(config: pytest.Config) -> bool:
    """Whether workers of xdist have clusters of their own: where that is asked for, and where the controller is another machine's."""
    if not hasattr(config, "workerinput"):
        return options.resolve(config).per_worker and config.pluginmanager.hasplugin("dsession")
    return options.resolve(config).per_worker or WORKERINPUT not in config.workerinput


def shares_cluster(config: pytest.Config) -> bool:
    """Whether this is a worker of xdist whose clusters others use too."""
    return bool(worker_of(config)) and not has_own_cluster(config)


def looks_for_leftovers(config: pytest.Config) -> bool:
    """Whether tests are to be told what they leave behind."""
    row = next(option for option in options.OPTIONS if option.name == "leftovers")
    return options.given(config, row, {}, "")[1] not in {None, row.default}


_SPEC_FILE = r"(?P<file>[^:\[]+\.go)(::(?P<name>.*))?"


def spec_arguments(config: pytest.Config) -> list[tuple[str, str | None]]:
    """The arguments that name upstream specs, as node ids do: ``test/e2e/network/dns.go::[sig-network] DNS should …``."""
    found = (_spec(argument) for argument in config.args)
    return [(one["file"], one["name"]) for one in found if one]


def _spec(argument: str) -> re.Match[str] | None:
    return re.fullmatch(_SPEC_FILE, argument, re.DOTALL) if ".go" in argument else None  # compiled where there are some


def is_spec(argument: str) -> bool:
    """Whether an argument names upstream specs."""
    return _spec(argument) is not None


def asks_for_specs(config: pytest.Config) -> bool:
    """Whether this run has upstream specs."""
    wanted = (option for option in options.OPTIONS if option.name in {"focus", "skip", "label_filter", "suite"})
    return any(options.given(config, option, {}, "")[1] is not None for option in wanted) or bool(spec_arguments(config))


def begins_ahead(config: pytest.Config) -> bool:
    """Whether this process is to begin a cluster before it is known which tests there are."""
    row = next(option for option in options.OPTIONS if option.name == "ahead")
    given = options.given(config, row, {}, "")[1]
    return given is not None and not hasattr(config, "workerinput") and options.resolve(config).ahead


def artifacts(config: pytest.Config) -> Path | None:
    """Where this run leaves artifacts, if it runs anything."""
    return options.resolve(config).artifacts if _leaves(config, "artifacts") else None


def report(config: pytest.Config) -> Path | None:
    """Where this run leaves a page about itself, if it runs anything."""
    return options.resolve(config).report if _leaves(config, "report") else None


def timeline(config: pytest.Config) -> Path | None:
    """Where this run leaves a picture of its boots, if it runs anything. Whoever makes the clusters does it, and no worker of xdist."""
    return options.resolve(config).timeline if not hasattr(config, "workerinput") and _leaves(config, "timeline") else None


# Options of pytest's whose runs run nothing.
_LOOKS = ("cacheshow", "collectonly", "help", "markers", "setupplan", "show_fixtures_per_test", "showfixtures")


def looks(config: pytest.Config) -> bool:
    """Whether the run runs nothing."""
    return any(config.getoption(name, default=False) for name in _LOOKS)


def _leaves(config: pytest.Config, name: str) -> bool:
    """Whether a run that runs anything was given an option for what it leaves; asked without a look at the others."""
    row = next(option for option in options.OPTIONS if option.name == name)
    return not looks(config) and options.given(config, row, {}, "")[1] is not None


def ignored(config: pytest.Config) -> list[str]:
    """A line for each option that was given and means nothing here."""
    flags = [(flag, words) for flag, name, _, words in options.LEGACY if name.endswith("bin") and config.getoption(f"kind_{name}", None)]
    return [f"kind: {flag}: {words}" for flag, words in flags]


def progress_form(config: pytest.Config) -> str:
    """How progress is shown: ``none``, ``plain`` or ``terminal``."""
    if hasattr(config, "workerinput") or config.get_verbosity() < 0:
        return "none"
    # While output is captured it is the reporter that knows. The dots of xdist's workers come at any time, into a line that moves too.
    terminal = getattr(config.pluginmanager.getplugin("terminalreporter"), "isatty", False) and not config.pluginmanager.hasplugin("dsession")
    return "terminal" if terminal and os.environ.get("TERM") != "dumb" and not os.environ.get("CI") else "plain"
