"""``doctor``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytest_kind.cli.terms import Commands, add_output, leaf
from pytest_kind.cli.work import engine, show_json
from pytest_kind.config.load import from_file
from pytest_kind.config.types import ClusterConfig
from pytest_kind.diagnose.doctor.collect.everything import examine
from pytest_kind.diagnose.doctor.collect.holdings import node_image
from pytest_kind.diagnose.doctor.facts import Facts, Wanted, shares_network
from pytest_kind.diagnose.doctor.finding import Finding, Severity
from pytest_kind.diagnose.doctor.judge import judge
from pytest_kind.diagnose.doctor.mend import Mender, persist
from pytest_kind.errors import UsageError
from pytest_kind.lease.session import Session
from pytest_kind.provision import docker_engine

_FORM = 1  # of the JSON; raised when something of it changes that is there
_MORE = """Every finding has a name; docs/doctor.md lists them all, with why each matters.

examples:
  pytest-kind doctor
  pytest-kind doctor --config kind.yaml      against what that configuration asks for
  pytest-kind doctor --fix                   mends what can be mended safely, and says what it did

exit codes:
  0  nothing that would stop a cluster
  1  at least one error"""


def add(commands: Commands) -> None:
    """Adds the command."""
    parser = leaf(commands, "doctor", "look for what would keep clusters from coming up here, and say what to do about it", _doctor, more=_MORE)
    parser.add_argument("--config", type=Path, metavar="FILE", help="a configuration in kind's v1alpha4 format, to be looked at for what it asks for")
    parser.add_argument("--name", metavar="NAME", help="the name that a cluster is to have")
    parser.add_argument("--image", metavar="REF", help="a node image, in the engine")
    parser.add_argument("--network", metavar="NETWORK", default="bridge", help="the engine's network for the nodes (default: %(default)s)")
    parser.add_argument("--fix", action="store_true", help="mend what can be mended safely; each change is said")
    parser.add_argument("--persist", action="store_true", help="with --fix: write kernel settings into /etc/sysctl.d, too, so that they stay")
    add_output(parser)
    parser.add_argument("--json", dest="output", action="store_const", const="json", help="the same as --output json")


def _doctor(arguments: argparse.Namespace) -> int:
    if arguments.persist and not arguments.fix:
        raise UsageError("--persist: given without --fix; it says how long what that mends stays mended")
    config = from_file(arguments.config) if arguments.config else ClusterConfig()
    wanted = Wanted(config=config, name=arguments.name, network=arguments.network, image=arguments.image)
    facts = examine(docker_engine.connect, arguments.cache_dir, wanted)
    findings = judge(facts)
    done: list[str] = []
    if arguments.fix and any(one.fix is not None for one in findings):
        done = _mended(arguments, facts, findings)
        facts = examine(docker_engine.connect, arguments.cache_dir, wanted)
        findings = judge(facts)
    if arguments.output == "json":
        show_json(as_json(facts, findings, done))
    else:
        print("\n".join(as_text(facts, findings, done)))
    return 1 if any(one.rule.severity is Severity.ERROR for one in findings) else 0


def _mended(arguments: argparse.Namespace, facts: Facts, findings: Sequence[Finding]) -> list[str]:
    with engine() as provider:
        session = Session.open(arguments.cache_dir)
        try:
            image = node_image(provider, facts.wanted)
            mender = Mender(
                provider=provider,
                cache=arguments.cache_dir,
                here=_is_here(facts),
                image=None if image is None else image.id,
                modules=provider.info().kernel_modules,
                own=session.id,
                marks=session.labels(lease=60),
            )
            done = list(mender.mend(findings))
        finally:
            session.close()
    return [*done, *(persist(findings) if arguments.persist else [])]


def _is_here(facts: Facts) -> bool:
    """Whether this process may change the engine's machine."""
    survey, here = facts.engine, facts.here
    return survey is not None and here.root and survey.local and survey.kernel == here.kernel and shares_network(survey, here)


def as_text(facts: Facts, findings: Sequence[Finding], done: Sequence[str]) -> list[str]:
    """What is printed, in lines that are never wrapped."""
    lines = [f"kind: {_engine(facts)}", *(f"kind: mended: {line}" for line in done)]
    for one in findings:
        lines += ["", f"{one.rule.severity.value}: {one.id}: {one.found}", f"  why:    {one.rule.why}", f"  remedy: {one.remedy}"]
        if one.fix is not None:
            lines.append(f"  --fix:  {one.fix}")
    counts = {severity: sum(one.rule.severity is severity for one in findings) for severity in Severity}
    said = ", ".join(f"{count} {severity.value}{'' if count == 1 else 's'}" for severity, count in counts.items() if count)
    return [*lines, *([""] if findings else []), *(f"kind: not looked at: {line}" for line in facts.unseen), f"kind: {said or 'nothing is wrong'}"]


def _engine(facts: Facts) -> str:
    engine = facts.engine
    if engine is None:
        return "no engine answers"
    memory = f"{engine.memory / (1 << 30):.1f} GiB"
    return (
        f"{engine.name} at {engine.address}: {engine.storage_driver}, images in {engine.image_store}'s store, cgroup v{engine.cgroup_version}, "
        f"kernel {engine.kernel}, {engine.cpus} processors, {memory}"
    )


def as_json(facts: Facts, findings: Sequence[Finding], done: Sequence[str]) -> dict[str, Any]:
    """What ``--json`` prints."""
    engine = facts.engine
    return {
        "version": _FORM,
        "engine": None
        if engine is None
        else {
            "name": engine.name,
            "address": engine.address,
            "api": engine.api,
            "storage_driver": engine.storage_driver,
            "image_store": engine.image_store,
            "cgroup_version": engine.cgroup_version,
            "kernel": engine.kernel,
            "cpus": engine.cpus,
            "memory": engine.memory,
        },
        "findings": [
            {
                "id": one.id,
                "severity": one.rule.severity.value,
                "found": one.found,
                "why": one.rule.why,
                "remedy": one.remedy,
                "fix": None if one.fix is None else str(one.fix),
            }
            for one in findings
        ],
        "mended": list(done),
        "not_looked_at": list(facts.unseen),
        **{f"{severity.value}s": sum(one.rule.severity is severity for one in findings) for severity in Severity},
    }
