"""Where machines are: numbers, names, addresses and link addresses that never change."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_kind import labels
from pytest_kind.config.types import ClusterConfig, Networking, Node
from pytest_kind.errors import UsageError
from pytest_kind.provision.places import LAST_NODE, Machine, Place, machines, next_place, random_link
from support.clusters import LINK, config_of

FIRST = Place(name="c-control-plane", role="control-plane", number=1, link=LINK)


def names(found: tuple[Machine, ...]) -> list[tuple[str, int]]:
    return [(machine.place.name, machine.place.number) for machine in found]


class TestPlace:
    @pytest.mark.parametrize(
        ("family", "number", "addresses"),
        [
            ("ipv4", 1, ("198.19.255.1",)),
            ("ipv6", 1, ("fd00:198:19:255::1",)),
            ("dual", 16, ("198.19.255.16", "fd00:198:19:255::10")),
            ("dual", 254, ("198.19.255.254", "fd00:198:19:255::fe")),
        ],
    )
    def test_its_addresses_follow_from_its_number(self, family: str, number: int, addresses: tuple[str, ...]) -> None:
        place = replace(FIRST, number=number, family=family)
        assert place.addresses == addresses
        assert place.address == addresses[0]

    @pytest.mark.parametrize(("number", "mac"), [(1, "02:0a:0b:0c:0d:01"), (16, "02:0a:0b:0c:0d:10"), (254, "02:0a:0b:0c:0d:fe")])
    def test_its_link_address_is_the_clusters_and_its_number(self, number: int, mac: str) -> None:
        place = replace(FIRST, number=number)
        assert place.mac == mac
        assert int(place.mac[:2], 16) & 0b11 == 0b10  # locally administered, unicast (IEEE 802)

    def test_clusters_have_links_of_their_own(self) -> None:
        assert len({random_link() for _ in range(100)}) == 100
        assert all(len(bytes.fromhex(random_link())) == 4 for _ in range(100))


class TestMachines:
    def test_of_one_node(self) -> None:
        (machine,) = machines(ClusterConfig(), "c", LINK)
        assert machine == Machine(place=FIRST, node=Node(), index=0)
        assert machine.is_control_plane

    def test_nodes_are_counted_per_role_and_a_load_balancer_comes_last(self) -> None:
        assert names(machines(config_of(2, 2), "c", LINK)) == [
            ("c-control-plane", 1),
            ("c-control-plane2", 2),
            ("c-worker", 3),
            ("c-worker2", 4),
            ("c-external-load-balancer", 254),
        ]

    def test_a_load_balancer_is_no_node(self) -> None:
        *nodes, balancer = machines(config_of(2, 1), "c", LINK)
        assert (balancer.node, balancer.place.role, balancer.is_control_plane) == (None, "external-load-balancer", False)
        assert [machine.is_control_plane for machine in nodes] == [True, True, False]

    @pytest.mark.parametrize("workers", [0, 3])
    def test_one_control_plane_needs_none(self, workers: int) -> None:
        assert all(machine.node is not None for machine in machines(config_of(1, workers), "c", LINK))

    def test_the_first_control_plane_is_first_wherever_it_is_written(self) -> None:
        nodes = (Node(role="worker", labels={"n": "0"}), Node(labels={"n": "1"}), Node(role="worker", labels={"n": "2"}))
        found = machines(ClusterConfig(nodes=nodes), "c", LINK)
        assert names(found) == [("c-control-plane", 1), ("c-worker", 2), ("c-worker2", 3)]
        assert [machine.node.labels["n"] for machine in found if machine.node] == ["1", "0", "2"]

    def test_one_object_may_describe_several_nodes(self) -> None:
        assert len(machines(ClusterConfig(nodes=(Node(),) * 3), "c", LINK)) == 4

    @pytest.mark.parametrize("family", ["ipv4", "ipv6", "dual"])
    def test_all_have_the_clusters_link_and_family(self, family: str) -> None:
        config = config_of(2, 1, Networking(ip_family=family))  # type: ignore[arg-type]
        assert {(machine.place.link, machine.place.family) for machine in machines(config, "c", LINK)} == {(LINK, family)}


class TestNextPlace:
    def there(self, control_planes: int, workers: int) -> list[Place]:
        config = config_of(control_planes, workers, Networking(ip_family="dual"))
        return [machine.place for machine in machines(config, "c", LINK)]

    def test_the_next_number_and_name_and_what_the_cluster_has(self) -> None:
        assert next_place(self.there(1, 1), "c", labels.ROLE_WORKER) == Place(name="c-worker2", role="worker", number=3, link=LINK, family="dual")

    def test_the_first_of_its_role(self) -> None:
        assert next_place(self.there(1, 0), "c", labels.ROLE_WORKER).name == "c-worker"

    def test_what_has_become_free_is_used_again(self) -> None:
        there = [place for place in self.there(3, 2) if place.name not in {"c-control-plane2", "c-worker"}]
        found = next_place(there, "c", labels.ROLE_WORKER)
        assert (found.name, found.number) == ("c-worker", 2)
        found = next_place([*there, found], "c", labels.ROLE_CONTROL_PLANE)
        assert (found.name, found.number) == ("c-control-plane2", 4)

    def test_the_load_balancers_number_is_never_a_nodes(self) -> None:
        there = [replace(FIRST, name=f"c-{number}", number=number) for number in range(1, LAST_NODE)]
        assert next_place(there, "c", labels.ROLE_WORKER).number == 253

    def test_a_full_network_is_said_so(self) -> None:
        there = [replace(FIRST, name=f"c-{number}", number=number) for number in range(1, LAST_NODE + 1)]
        with pytest.raises(UsageError, match=r"^cluster c has 253 nodes, which is as many as its network holds$"):
            next_place(there, "c", labels.ROLE_WORKER)
