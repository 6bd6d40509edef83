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
    known, always = LIST.known(address(ip), 0, 0)
    assert always
    assert (known.network_class if known else None) == network_class


def test_no_address_is_in_no_network():
    """Not even in the one that holds all."""
    assert LIST.known(NO_ADDRESS, 0, 0) == (None, True)


def test_a_list_with_bad_lines_is_refused_whole_with_each_of_them():
    """A line that never matches, unnoticed, is a network that is never exempted."""
    with pytest.raises(UsageError) as caught:
        KnownNetworks(
            {"10.0.0.0/8": "corporate", "10.0.0.1/8": "vpn", "office": "vpn", "10.0.0.0/9": "lan", "::/0": ""}
        )
    message = str(caught.value)
    assert all(
        part in message
        for part in ("10.0.0.1/8", "host bits", "office", "'lan'", "::/0", "cloud_backend, corporate, hosting")
    )
    assert "10.0.0.0/8:" not in message


def test_an_entry_holds_until_its_end_and_then_the_wider_one_does():
    """By event time, so that a replay of last year's log finds last year's networks; such an answer is not final."""
    until = KnownNetwork("vpn", until_us=1_000)
    known = KnownNetworks({"192.0.2.0/24": until, "192.0.0.0/16": "corporate", "AS64500": KnownNetwork("sase", "", 5)})
    assert known.known(address("192.0.2.7"), 0, 999) == (until, False)
    assert known.known(address("192.0.2.7"), 0, 1_000) == (KnownNetwork("corporate"), False)
    assert known.known(address("192.0.3.7"), 0, 1_000) == (KnownNetwork("corporate"), True)
    assert known.known(address("198.51.100.1"), 64500, 4) == (KnownNetwork("sase", "", 5), False)
    assert known.known(address("198.51.100.1"), 64500, 5) == (None, False)


def test_a_network_speaks_before_the_system_that_announces_it():
    """A prefix is narrower than all of a provider."""
    known = KnownNetworks({"AS64500": "hosting", "192.0.2.0/24": "vpn"})
    assert known.known(address("192.0.2.7"), 64500, 0)[0] == KnownNetwork("vpn")
    assert known.known(address("198.51.100.7"), 64500, 0)[0] == KnownNetwork("hosting")
    assert known.known(NO_ADDRESS, 64500, 0)[0] == KnownNetwork("hosting")


@pytest.mark.parametrize("written", ["AS0", "AS4294967296", "AS", "AS-1", "AS64500x"])
def test_a_system_that_is_none_is_refused(written):
    """With its text."""
    with pytest.raises(UsageError, match=written):
        KnownNetworks({written: "vpn"})
