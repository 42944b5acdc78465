"""Every error this package raises on purpose. A message says what was tried, what was found and what to do."""

from __future__ import annotations

from collections.abc import Sequence


class KindError(Exception):
    """The base of them all."""


def told(error: BaseException) -> str:
    """An error's message with its notes: who raised it, where that is somebody else's code."""
    return "\n".join([str(error), *getattr(error, "__notes__", ())])


def is_machines(error: BaseException) -> bool:
    """Whether the engine or its disk is what failed, and nothing that was asked for."""
    return isinstance(error, (EngineGone, EngineUnavailable)) or "no space left on device" in str(error).lower()


def reason_first(reason: str, request: str) -> str:
    """A message that begins with what is to be known: pytest's summary of a failure shows the beginning of its first line.

    Args:
        reason: further lines of it stay behind the first.
        request: what failed; it follows the first line, in parentheses.
    """
    first, *more = reason.strip().splitlines() or ["no reason was given"]
    return "\n".join([f"{first} ({request})", *more])


class UsageError(KindError):
    """What the user gave cannot be used: an option, an ini key, a name, a file. pytest ends with exit code 4."""


class ConfigError(UsageError):
    """A cluster configuration with problems, all of them at once.

    Args:
        source: where the configuration came from (a path, a marker, ``ClusterConfig(...)``).
        problems: one line each, led by the path of the field.
    """

    def __init__(self, source: str, problems: Sequence[str]) -> None:
        self.source = source
        self.problems = tuple(problems)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__(f"{source}: {count}\n" + "\n".join(f"  - {problem}" for problem in problems))


class EngineError(KindError):
    """The container engine cannot be reached, or refused what was asked of it."""


class EngineUnavailable(EngineError, UsageError):
    """No engine answers at the address that docker's environment and contexts name."""


class EngineGone(EngineError):
    """The engine's connection failed within a call."""


class UnfitMachine(KindError):
    """The preflight saw that no cluster would come up here; every reason at once.

    Args:
        problems: one line each, led by the finding's id (``docs/doctor.md``).
        option: what leaves a finding out.
    """

    def __init__(self, problems: Sequence[str], option: str = "--kind-preflight") -> None:
        self.problems = tuple(problems)
        super().__init__(
            f"no cluster would come up here (`pytest-kind doctor` says why each matters; {option}=no-ID leaves one out)\n"
            + "\n".join(f"  - {problem}" for problem in problems)
        )


class NotFound(EngineError):
    """The engine has no such image, container, volume or network."""


class Conflict(EngineError):
    """A name or a port that was asked for is taken."""


class ImageError(KindError):
    """A node image could not be found, pulled, built or used."""


class UnknownImage(ImageError, UsageError):
    """The image that was asked for is neither in the engine nor to be pulled."""


class SourceError(ImageError, UsageError):
    """What ``--kind-source`` names cannot be used: no such thing, another architecture, damaged, or something else."""


class CommandError(KindError):
    """A command on a node or on this machine failed.

    Args:
        where: the node's name, or ``this machine``.
        argv: the command.
        code: its exit status.
        output: what it printed; the message carries its last 30 lines.
    """

    def __init__(self, where: str, argv: Sequence[str], code: int, output: str) -> None:
        self.where, self.argv, self.code, self.output = where, tuple(argv), code, output
        tail = "\n".join(output.strip().splitlines()[-30:])
        super().__init__(f"{where}: `{' '.join(argv)}` ended with {code}" + (f":\n{tail}" if tail else ""))


class WaitTimeout(KindError):
    """Something did not happen before its deadline.

    Args:
        what: what was waited for.
        seconds: how long.
        last_seen: the last reason why it had not happened yet.
    """

    def __init__(self, what: str, seconds: float, last_seen: str) -> None:
        self.what, self.seconds, self.last_seen = what, seconds, last_seen
        super().__init__(f"{what}: not within {seconds:.1f} s; last seen: {last_seen}")


class BootError(KindError):
    """A cluster did not come up. Carries the boot phase, the cause (chained) and where the evidence is."""

    def __init__(self, cluster: str, phase: str, cause: BaseException, evidence: str) -> None:
        self.cluster, self.phase, self.evidence = cluster, phase, evidence
        super().__init__(f"cluster {cluster!r} did not boot, phase {phase!r}: {cause}{evidence and chr(10)}{evidence}")
