"""Addresses as real logs write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.addresses import address
from streams.adapters.addresses import read_address


@pytest.mark.parametrize(
    ("written", "ip"),
    [
        ("192.0.2.7", "192.0.2.7"),
        (" 192.0.2.7 ", "192.0.2.7"),
        ("80.114.221.214:52378", "80.114.221.214"),
        ("[2a01:111:f100:9001::1761:914f]:47114", "2a01:111:f100:9001::1761:914f"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("2001:DB8:0:0::7", "2001:db8::7"),
        ("::1", "::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%25eth0]:443", "fe80::1"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("[::ffff:192.0.2.7]:443", "192.0.2.7"),
        ("253.252.51.07", "253.252.51.7"),
        ("06.237.252.245", "6.237.252.245"),
        ("255.090.254.5", "255.90.254.5"),
        ("010.001.002.003", "10.1.2.3"),
        ("0.0.0.1", "0.0.0.1"),
        ("", ""),
    ],
)
def test_an_address_is_read_whatever_stands_around_it(written, ip) -> None:
    """Ports, brackets, zone ids and clear leading zeros are taken off."""
    assert read_address(written) == (ip, "")


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("ec2.amazonaws.com", "host_name"),
        ("AWS Internal", "host_name"),
        ("localhost", "host_name"),
        ("010.1.2.3", "ambiguous_zeros"),
        ("075.050.255.67", "ambiguous_zeros"),
        ("192.0.2.7, 198.51.100.3", "several_addresses"),
        ("0.0.0.0", "unspecified"),  # noqa: S104 - nothing is bound here
        ("::", "unspecified"),
        ("256.1.1.1", "not_an_address"),
        ("1.2.3", "not_an_address"),
        ("1.2.3.4.5", "not_an_address"),
        ("<Attacker source IP>", "not_an_address"),
        ("192.0.2.7:abc", "not_an_address"),
        ("[2001:db8::7", "not_an_address"),
        ("\u0661.\u0662.\u0663.\u0664", "not_an_address"),
        ("x" * 5000, "not_an_address"),
    ],
)
def test_what_is_no_address_says_why(written, fault) -> None:
    """Text that names no single address gives none, and a reason that is counted."""
    assert read_address(written) == ("", fault)


@given(st.ip_addresses().map(str))
def test_every_address_is_read_and_keeps_one_spelling(written) -> None:
    """An address reads as the map of networks reads it, with or without a port; reading again changes nothing."""
    ip, fault = read_address(written)
    assert ip == address(written).text or fault == "unspecified"
    if not fault:
        assert read_address(ip) == (ip, "")
        with_port = f"[{written}]:443" if ":" in written else f"{written}:443"
        assert read_address(with_port).ip == ip


@given(st.text(max_size=60))
def test_no_text_is_too_odd(written) -> None:
    """Any text gives an address or a reason."""
    ip, fault = read_address(written)
    assert not (ip and fault)
    assert ip or fault or not written.strip()
