"""What probably is the cause: a table of known signatures over what was found. Pure."""

from __future__ import annotations

from pytest_kind.diagnose.hints import machines, objects, pods, refused, said
from pytest_kind.diagnose.hints.rule import Hint, Rule
from pytest_kind.diagnose.scene import Scene

__all__ = ["RULES", "Hint", "Rule", "hints", "table"]

# What is the cause of others comes first.
RULES: tuple[Rule, ...] = (
    *machines.FIRST,
    *said.MACHINES,
    *said.BOOT_ALONE,
    *refused.RULES,
    *machines.DNS,
    *said.REST,
    *pods.RULES,
    *objects.RULES,
    *machines.LAST,
)
_OF_ONE_RULE = 3


def hints(scene: Scene) -> list[Hint]:
    """The causes that fit, those in the test's own namespaces and of none before those elsewhere. Each cause once."""
    found: list[tuple[bool, int, Hint]] = []
    for number, rule in enumerate(RULES):
        causes: set[str] = set()
        for one in rule.find(scene):
            if one.cause not in causes and len(causes) < _OF_ONE_RULE:
                causes.add(one.cause)
                elsewhere = bool(one.namespace) and one.namespace not in scene.own
                found.append((elsewhere, number, Hint(rule.name, one.cause, one.seen, one.remedy or rule.remedy)))
    return [hint for _, _, hint in sorted(found, key=lambda one: one[:2])]


def table() -> str:
    """The rules as the table of docs/forensics.md."""
    rows = [f"| {rule.name} | {rule.sign} | {rule.remedy} |" for rule in RULES]
    return "\n".join(["| cause | told by | remedy |", "|---|---|---|", *rows]) + "\n"
