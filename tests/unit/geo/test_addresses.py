"""Addresses: one spelling, one key, and a scope that no Python release changes."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.addresses import ADDRESSES_CACHED_MAX, NO_ADDRESS, address, network_key


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("8.8.8.8", "public"),
        ("9.255.255.255", "public"),
        ("10.0.0.0", "private"),
        ("10.255.255.255", "private"),
        ("11.0.0.0", "public"),
        ("172.15.255.255", "public"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("172.32.0.0", "public"),
        ("192.168.10.20", "private"),
        ("100.63.255.255", "public"),
        ("100.64.0.0", "cgnat"),
        ("100.127.255.255", "cgnat"),
        ("100.128.0.0", "public"),
        ("127.0.0.1", "loopback"),
        ("169.254.169.254", "link_local"),
        ("192.0.2.7", "documentation"),
        ("198.51.100.7", "documentation"),
        ("203.0.113.7", "documentation"),
        ("198.18.0.1", "reserved"),
        ("0.0.0.0", "reserved"),  # noqa: S104 - classified, not bound to
        ("224.0.0.1", "multicast"),
        ("255.255.255.255", "reserved"),
        ("::", "reserved"),
        ("::1", "loopback"),
        ("::2", "reserved"),
        ("2a02:1210::1", "public"),
        ("2001:db8::1", "documentation"),
        ("3fff::1", "documentation"),
        ("2001:0:5102:458e::", "reserved"),
        ("fd00::1", "private"),
        ("fe80::1", "link_local"),
        ("ff02::1", "multicast"),
        ("4000::1", "reserved"),
        ("::ffff:10.1.2.3", "private"),
        ("::ffff:8.8.8.8", "public"),
    ],
)
def test_every_address_has_the_scope_of_its_range_up_to_the_edges(text, scope):
    """A range ends where the registry says, not one address later."""
    assert address(text).scope == scope


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "unknown",
        "AWS Internal",
        "1.2.3",
        "1.2.3.4:80",
        "[::1]",
        "1.2.3.04",
        "1.2.3.256",
        "10.0.0.0/8",
        "\N{FULLWIDTH DIGIT ONE}.2.3.4",
    ],
)
def test_what_is_no_address_is_never_taken_for_one(text):
    """A wrong guess would place a person where they are not."""
    assert address(text) == NO_ADDRESS
    assert network_key(text) == ""
    assert not address(text).placeable
    assert not address(text).internal


@pytest.mark.parametrize(
    ("text", "plain", "network"),
    [
        ("192.0.2.1", "192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1"),
        ("::FFFF:c000:0201", "192.0.2.1", "192.0.2.1"),
        ("64:ff9b::192.0.2.1", "192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0001:2::00ff", "2001:db8:1:2::ff", "2001:db8:1:2::/64"),
        ("2001:db8::1", "2001:db8::1", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::1", "fe80::/64"),
    ],
)
def test_one_host_has_one_spelling_and_one_key(text, plain, network):
    """However a log writes it, the same host is the same subject."""
    assert (address(text).text, address(text).network) == (plain, network)


def test_internal_addresses_are_not_placeable_and_examples_are():
    """Documentation ranges stand in examples and tests, and a log may say where they are."""
    assert [address(ip).internal for ip in ("10.0.0.1", "100.64.0.1", "127.0.0.1", "fe80::1")] == [True] * 4
    assert [address(ip).placeable for ip in ("10.0.0.1", "100.64.0.1", "224.0.0.1", "240.0.0.1")] == [False] * 4
    assert address("203.0.113.9").placeable
    assert not address("203.0.113.9").internal


@given(st.ip_addresses(v=6))
def test_the_key_of_an_ipv6_address_is_the_64_that_holds_it(ip):
    """Except where it is IPv4 in disguise."""
    where = address(str(ip))
    if where.bits == 128:
        network = ip_network(where.network)
        assert network.prefixlen == 64
        assert ip in network
    else:
        assert IPv4Address(where.text) == IPv4Address(int(ip) & 0xFFFF_FFFF)


@given(
    st.one_of(
        st.ip_addresses(),
        st.binary(min_size=4, max_size=4).map(lambda raw: IPv6Address(b"\0" * 10 + b"\xff\xff" + raw)),
    )
)
def test_an_address_read_again_from_its_one_spelling_is_the_same(ip):
    """A placed event may be placed again."""
    where = address(str(ip))
    assert address(where.text) == where


def test_memory_for_addresses_is_bounded():
    """A scan of the whole IPv6 space must not fill the memory."""
    assert address.cache_info().maxsize == ADDRESSES_CACHED_MAX
