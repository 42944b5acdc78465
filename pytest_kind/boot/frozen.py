"""A frozen cluster: what a copy of it must know beforehand. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_kind.boot.kubeadm import ClusterFacts

# Inside the image of a frozen cluster.
FOLDER = "kind/frozen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """What was frozen, by the frozen cluster's own names.

    Attributes:
        image: the id of the engine's image that it is.
        cluster: its name.
        machines: the names of its machines, the first control plane first.
        shares: of each node, its shares of the pod subnets.
        pods: of each node, its pods (``namespace/name``) with addresses of their own.
        dns: the address of the DNS Service.
        beats: when each node last said whether it is Ready, by its clock.
        unfinished: the Deployments (``namespace/name``) that were still being rolled out.
    """

    image: str
    cluster: str
    machines: Sequence[str]
    shares: Mapping[str, Sequence[str]]
    pods: Mapping[str, Mapping[str, Sequence[str]]]
    dns: str
    beats: Mapping[str, str]
    unfinished: Sequence[str]

    def as_facts(self) -> dict[str, Any]:
        """For the label: no secrets are in it."""
        facts = asdict(self)
        del facts["image"]
        return facts

    @classmethod
    def of(cls, image: str, facts: Mapping[str, Any]) -> Frozen | None:
        """From a label; nothing where it is not one of ours."""
        try:
            return cls(image=image, **{name: facts[name] for name in ("cluster", "machines", "shares", "pods", "dns", "beats", "unfinished")})
        except KeyError:
            return None

    def shares_for(self, facts: ClusterFacts) -> dict[str, Sequence[str]]:
        """The shares by the names of a copy's nodes."""
        return {new: self.shares[old] for old, new in self._names(facts) if old in self.shares}

    def pods_for(self, facts: ClusterFacts, name: str) -> Mapping[str, Sequence[str]]:
        """The pods of a copy's node."""
        return next((self.pods.get(old, {}) for old, new in self._names(facts) if new == name), {})

    def beats_for(self, facts: ClusterFacts) -> dict[str, str]:
        """The signs of life by the names of a copy's nodes: whoever has no later one has not lived since."""
        return {new: self.beats.get(old, "") for old, new in self._names(facts)}

    def _names(self, facts: ClusterFacts) -> Iterable[tuple[str, str]]:
        return zip(self.machines, (machine.place.name for machine in facts.machines), strict=True)


def words(cluster: str, machines: Iterable[str], token: str) -> bytes:
    """What a cluster has for itself in its objects, a line each; another one's are as long and in the same order.

    Its nodes' names, what is called after itself, and the token by which nodes join, in its two halves.
    """
    token_id, secret = token.split(".")
    own = [f"kind://docker/{cluster}/", f"clusterName: {cluster}", f"bootstrap-token-{token_id}", secret]
    return "".join(f"{word}\n" for word in [*machines, *own]).encode()
