"""One upstream spec, as its binary lists it."""

from __future__ import annotations

from dataclasses import dataclass

# Upstream's labels for specs that disturb others: its own CI runs them alone.
_ALONE = frozenset({"Serial", "Disruptive"})


@dataclass(frozen=True, slots=True)
class Spec:
    """A spec of a suite.

    Attributes:
        name: its full text, unique in the suite.
        file: where it is written, such as ``test/e2e/network/dns.go``.
        line: there, from 1.
        labels: its own and those of its containers, such as ``sig-network``, ``Conformance``, ``Feature:SCTP``.
    """

    name: str
    file: str
    line: int
    labels: tuple[str, ...]

    @property
    def alone(self) -> bool:
        """Whether nothing else may run beside it."""
        return not _ALONE.isdisjoint(self.labels)
