"""What the doctor finds: a rule says what can be wrong in general, a finding that it is wrong here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias


class Severity(Enum):
    """How bad a finding is."""

    ERROR = "error"
    """A cluster would not come up, or could not be reached."""
    WARNING = "warning"
    """It may not, or something that is not seen at once goes wrong."""
    NOTE = "note"
    """Worth knowing."""


@dataclass(frozen=True, slots=True)
class SetSysctl:
    """Sets a setting of the engine's kernel: ``fs.inotify.max_user_instances``."""

    name: str
    value: int

    def __str__(self) -> str:
        return f"sysctl -w {self.name}={self.value}"


@dataclass(frozen=True, slots=True)
class LoadModules:
    """Loads modules of the engine's kernel."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"modprobe -a {' '.join(self.names)}"


@dataclass(frozen=True, slots=True)
class Sweep:
    """Removes what dead sessions left: containers, volumes, folders, locks."""

    def __str__(self) -> str:
        return "pytest-kind gc"


Fix: TypeAlias = SetSysctl | LoadModules | Sweep


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is wrong here.

    Attributes:
        rule: what it is in general.
        found: what was found, in one line.
        remedy: exactly what to do about it, a command where there is one.
        fix: what ``--fix`` does about it.
    """

    rule: Rule
    found: str
    remedy: str
    fix: Fix | None = None

    @property
    def id(self) -> str:
        return self.rule.id

    @property
    def line(self) -> str:
        """All of it in one line, for errors and last lines."""
        return f"{self.id}: {self.found}; {self.remedy}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Something that can be wrong. ``docs/doctor.md`` is the table of all.

    Attributes:
        id: its stable name.
        severity: of every finding of it.
        what: what is wrong then.
        why: why that matters.
        remedy: what to do about it, in general.
        fixable: whether ``--fix`` can mend it, where the machine lets it.
        early: whether it is judged before a run's first cluster, too.
    """

    id: str
    severity: Severity
    what: str
    why: str
    remedy: str
    fixable: bool = False
    early: bool = False

    def found(self, found: str, remedy: str = "", fix: Fix | None = None) -> Finding:
        """A finding of it.

        Args:
            remedy: exactly what to do here; none: the rule's.
        """
        return Finding(rule=self, found=found, remedy=remedy or self.remedy, fix=fix)
