"""The engine's networks."""

from __future__ import annotations

from pytest_kind.provision.docker_engine.calls import Calls, ours
from pytest_kind.provision.provider import Network


class Networks(Calls):
    """See :class:`~pytest_kind.provision.provider.Provider`."""

    def network(self, name: str) -> Network:
        with ours(f"looking for network {name}"):
            found = self._api.inspect_network(name)
        blocks = (found.get("IPAM") or {}).get("Config") or ()  # `host` and `none` have none
        return Network(
            subnets=tuple(one["Subnet"] for one in blocks if one.get("Subnet")),
            # An engine of the containerd kind writes it with a prefix length.
            gateways=tuple(one["Gateway"].split("/")[0] for one in blocks if one.get("Gateway")),
        )

    def addresses(self, container: str) -> dict[str, str]:
        with ours(f"asking for the addresses of {container[:12]}"):
            found = self._api.inspect_container(container)["NetworkSettings"].get("Networks") or {}
        addresses = {one["NetworkID"]: one.get("IPAddress") or one.get("GlobalIPv6Address") or "" for one in found.values()}
        return {network: address for network, address in addresses.items() if address}
