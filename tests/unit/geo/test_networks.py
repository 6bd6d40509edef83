"""The user's own list of networks."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.addresses import NO_ADDRESS, address
from geo.networks import NOTHING_SAID, KnownNetwork, KnownNetworks, Word
from models.instants import NEVER_US
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
    word = LIST.of_address(address(ip), 0)
    assert (word.from_us, word.until_us) == (-NEVER_US, NEVER_US)
    assert (word.known.network_class if word.known else None) == network_class


def test_no_address_is_in_no_network():
    """Not even in the one that holds all."""
    assert LIST.of_address(NO_ADDRESS, 0) == NOTHING_SAID


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
    """By event time, so that a replay finds the networks of its time; the word says how long it holds."""
    until = KnownNetwork("vpn", until_us=1_000)
    known = KnownNetworks({"192.0.2.0/24": until, "192.0.0.0/16": "corporate", "AS64500": KnownNetwork("sase", "", 5)})
    corporate, gateway = KnownNetwork("corporate"), KnownNetwork("sase", "", 5)
    assert known.of_address(address("192.0.2.7"), 999) == Word(until, -NEVER_US, 1_000)
    assert known.of_address(address("192.0.2.7"), 1_000) == Word(corporate, 1_000, NEVER_US)
    assert known.of_address(address("192.0.3.7"), 1_000) == Word(corporate)
    assert known.of_address(address("198.51.100.1"), 4) == NOTHING_SAID
    assert known.of_system(0, 64500, 4) == Word(gateway, -NEVER_US, 5)
    assert known.of_system(0, 64500, 5) == Word(None, 5)
    assert known.of_system(0, 64501, 5) == NOTHING_SAID


def test_a_narrower_network_of_another_list_wins_whatever_its_class_and_of_equals_that_of_the_earlier_list():
    """Longest prefix first: what says the most about an address is believed."""
    known = KnownNetworks(
        {"192.0.0.0/16": "corporate", "198.51.100.0/24": KnownNetwork("vpn", until_us=9)},
        {"192.0.2.0/24": "tor", "192.0.0.0/16": "hosting", "198.51.100.0/24": "mobile"},
    )

    def said(ip: str, at_us: int = 0) -> str:
        return known.of_address(address(ip), at_us).known.network_class

    assert (said("192.0.2.7"), said("192.0.1.255"), said("192.0.3.0")) == ("tor", "corporate", "corporate")
    assert (said("198.51.100.1"), said("198.51.100.1", 9)) == ("vpn", "mobile")
    assert known.systems == frozenset()


CIDRS = st.builds(
    lambda low, prefix: f"{IPv4Address((192 << 24) + (low >> (32 - prefix) << (32 - prefix)))}/{prefix}",
    st.integers(0, 255),
    st.integers(24, 32),
)
ENTRIES = st.dictionaries(CIDRS, st.integers(1, 9) | st.none(), max_size=12)


@given(ENTRIES, ENTRIES, st.integers(0, 10))
def test_every_address_is_spoken_for_by_who_is_found_by_trying_all(first, second, at_us):
    """However networks nest, and whichever have expired; and the word holds just as long as it says."""
    lists = [
        {cidr: KnownNetwork("vpn", f"{n} {cidr}", until) for cidr, until in one.items()}
        for n, one in enumerate((first, second))
    ]
    known = KnownNetworks(*lists)

    def tried(ip: IPv4Address, at_us: int) -> KnownNetwork | None:
        holding = [
            (-ip_network(cidr).prefixlen, n, said)
            for n, one in enumerate(lists)
            for cidr, said in one.items()
            if ip in ip_network(cidr) and (said.until_us is None or at_us < said.until_us)
        ]
        return min(holding, key=lambda one: one[:2])[2] if holding else None

    for low in range(-1, 257):
        ip = IPv4Address((192 << 24) + low)
        word = known.of_address(address(str(ip)), at_us)
        assert word.known == tried(ip, at_us)
        assert word.from_us <= at_us < word.until_us
        for other_us in range(11):
            same = word.from_us <= other_us < word.until_us
            assert not same or tried(ip, other_us) == word.known


def test_five_thousand_entries_that_end_cost_no_walk_through_them():
    """Not even for events out of order, which meet one entry and then the next, and back."""
    entries = {f"10.{n // 256}.{n % 256}.0/24": KnownNetwork("vpn", str(n), n + 1) for n in range(5_000)}
    known = KnownNetworks(entries | {"10.0.0.0/8": KnownNetwork("corporate", "", 10_000)})
    _, speakers = known._stretches[32]
    assert max(map(len, speakers)) == 2
    assert known.of_address(address("10.1.5.9"), 261).known.organisation == "261"
    assert known.of_address(address("10.1.5.9"), 262).known.network_class == "corporate"


@pytest.mark.parametrize("written", ["AS0", "AS4294967296", "AS", "AS-1", "AS64500x"])
def test_a_system_that_is_none_is_refused(written):
    """With its text."""
    with pytest.raises(UsageError, match=written):
        KnownNetworks({written: "vpn"})
