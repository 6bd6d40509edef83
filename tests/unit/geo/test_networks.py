"""The user's own list of networks."""

from __future__ import annotations

import pytest

from geo.addresses import NO_ADDRESS, address
from geo.networks import KnownNetwork, KnownNetworks
from sessionwatch.errors import UsageError

LIST = KnownNetworks(
    {
        "10.0.0.0/8": "corporate",
        "10.20.0.0/16": KnownNetwork("vpn", "St. Anna's VPN"),
        "203.0.113.7/32": "sase",
        "2001:db8::/32": "hosting",
        "0.0.0.0/1": "mobile",
    }
)


@pytest.mark.parametrize(
    ("ip", "network_class"),
    [
        ("10.1.2.3", "corporate"),
        ("10.20.255.255", "vpn"),
        ("10.21.0.0", "corporate"),
        ("203.0.113.7", "sase"),
        ("203.0.113.8", None),
        ("2001:db8:9::1", "hosting"),
        ("::ffff:10.20.0.1", "vpn"),
        ("9.9.9.9", "mobile"),
        ("::1", None),
    ],
)
def test_the_narrowest_network_that_holds_an_address_speaks_for_it(ip, network_class):
    """In either family, also for IPv4 written as IPv6."""
    known = LIST.known(address(ip))
    assert (known.network_class if known else None) == network_class


def test_no_address_is_in_no_network():
    """Not even in the one that holds all."""
    assert LIST.known(NO_ADDRESS) is None


def test_a_list_with_bad_lines_is_refused_whole_with_each_of_them():
    """A line that never matches, unnoticed, is a network that is never exempted."""
    with pytest.raises(UsageError) as caught:
        KnownNetworks(
            {"10.0.0.0/8": "corporate", "10.0.0.1/8": "vpn", "office": "vpn", "10.0.0.0/9": "lan", "::/0": ""}
        )
    message = str(caught.value)
    assert all(part in message for part in ("10.0.0.1/8", "host bits", "office", "'lan'", "::/0", "corporate, hosting"))
    assert "10.0.0.0/8:" not in message
