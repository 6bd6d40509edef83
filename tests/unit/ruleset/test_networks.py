"""Networks: containment by number, against the standard library's own answer."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionwatch.ruleset.networks import CACHE_ADDRESSES_MAX, NetworkSet, network_of

NETWORKS_V4 = st.builds(
    lambda number, prefix: ip_network((number >> (32 - prefix) << (32 - prefix), prefix)),
    st.integers(0, 2**32 - 1),
    st.integers(1, 32),
)
NETWORKS_V6 = st.builds(
    lambda number, prefix: ip_network((IPv6Address(number >> (128 - prefix) << (128 - prefix)), prefix)),
    st.integers(2**125, 2**126 - 1),
    st.integers(1, 128),
)


@given(st.data(), st.lists(st.one_of(NETWORKS_V4, NETWORKS_V6), max_size=8))
def test_a_set_holds_exactly_what_its_networks_hold(data: st.DataObject, networks: list) -> None:
    """Overlapping, adjoining and nested networks are one range, and edges belong to it."""
    known = NetworkSet(networks)
    edges = [int(edge) + step for net in networks for edge in (net[0], net[-1]) for step in (-1, 0, 1)]
    numbers = [*edges, data.draw(st.integers(0, 2**32 - 1)), data.draw(st.integers(2**125, 2**126 - 1))]
    for number in numbers:
        if not 0 <= number < 2**128:
            continue
        one = IPv4Address(number) if number < 2**32 else IPv6Address(number)
        assert known.holds(str(one)) is any(one in network for network in networks)


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("10.1.2.3", "10.1.2.3/32"),
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("64:ff9b::10.1.2.3", "10.1.2.3/32"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("::/0", "::/0"),
    ],
)
def test_a_network_has_one_meaning(text: str, network: str) -> None:
    """IPv4 written inside IPv6 is IPv4, as it is in events."""
    assert str(network_of(text)) == network


@pytest.mark.parametrize(
    "text", ["", "10.0.0.1/8", "10.0.0.0/33", "a/8", "10.0.0.0/8/8", "010.0.0.1", "10.0.0.0-10.0.0.9"]
)
def test_what_is_no_network_is_refused(text: str) -> None:
    """A network that is not understood would exempt nobody, or everybody."""
    with pytest.raises(ValueError, match=r"prefix|neither"):
        network_of(text)


def test_what_is_remembered_is_bounded() -> None:
    """A stream brings new addresses for ever."""
    known = NetworkSet([network_of("10.0.0.0/8")])
    for number in range(CACHE_ADDRESSES_MAX + 100):
        known.holds(str(ip_address(number)))
    assert known.holds.cache_info().currsize == CACHE_ADDRESSES_MAX
