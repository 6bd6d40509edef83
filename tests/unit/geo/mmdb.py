"""Writes small files in the MaxMind DB format 2.0 (maxmind.github.io/MaxMind-DB), also ones with faults in them."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from datetime import UTC, datetime
from ipaddress import IPv4Network, ip_network
from pathlib import Path
from typing import Any

MARKER = b"\xab\xcd\xefMaxMind.com"
BROKEN = object()
"""A record that no reader can read."""

_TEXT, _DOUBLE, _UINT16, _UINT32, _MAP, _UINT64, _LIST, _TRUTH = 2, 3, 5, 6, 7, 9, 11, 14
_EXTENDED_FROM = 8


def encoded(value: Any) -> bytes:  # noqa: PLR0911 - one return for each type of the format
    """A value as the data section holds it."""
    match value:
        case _ if value is BROKEN:
            return _control(_DOUBLE, 5) + b"12345"  # a double has 8 bytes
        case bool():
            return _control(_TRUTH, int(value))
        case str():
            raw = value.encode()
            return _control(_TEXT, len(raw)) + raw
        case float():
            return _control(_DOUBLE, 8) + struct.pack(">d", value)
        case int():
            return _control(_UINT32, 4) + value.to_bytes(4)
        case list():
            return _control(_LIST, len(value)) + b"".join(encoded(item) for item in value)
        case dict():
            return _control(_MAP, len(value)) + b"".join(encoded(key) + encoded(item) for key, item in value.items())
    raise TypeError(value)


def _control(kind: int, size: int) -> bytes:
    head = b"" if kind < _EXTENDED_FROM else bytes([kind - 7])
    first = 0 if head else kind << 5
    if size < 29:
        return bytes([first | size]) + head
    if size < 285:
        return bytes([first | 29]) + head + bytes([size - 29])
    return bytes([first | 30]) + head + (size - 285).to_bytes(2)


def write(
    path: Path,
    networks: Mapping[str, Any],
    *,
    type: str = "GeoLite2-City",  # noqa: A002 - the word of the format's own specification
    built: datetime = datetime(2024, 5, 1, tzinfo=UTC),
    ip_version: int = 6,
    padding_bytes: int = 0,
) -> Path:
    """Write `networks` (CIDR to record; a narrower one may lie in a wider one) and return the path."""
    nodes: list[list[int | None]] = [[None, None]]
    values: dict[int, int] = {}  # negative mark in a node -> offset in the data
    data = b""
    for cidr, record in sorted(networks.items(), key=lambda item: _bits(item[0], ip_version)[1]):
        number, length, width = _bits(cidr, ip_version)
        mark = -1 - len(values)
        values[mark] = len(data)
        data += encoded(record)
        _plant(nodes, number, length, width, mark)
    data += b"\0" * padding_bytes
    count = len(nodes)

    def record_of(child: int | None) -> bytes:
        pointer = count if child is None else child if child >= 0 else count + 16 + values[child]
        return pointer.to_bytes(4)

    tree = b"".join(record_of(left) + record_of(right) for left, right in nodes)
    # The specification fixes the width of each number here, so they are encoded one by one.
    metadata = {
        "binary_format_major_version": _control(_UINT16, 2) + (2).to_bytes(2),
        "binary_format_minor_version": _control(_UINT16, 2) + (0).to_bytes(2),
        "build_epoch": _control(_UINT64, 8) + int(built.timestamp()).to_bytes(8),
        "database_type": encoded(type),
        "description": encoded({"en": "made by a test"}),
        "ip_version": _control(_UINT16, 2) + ip_version.to_bytes(2),
        "languages": encoded(["en"]),
        "node_count": encoded(count),
        "record_size": _control(_UINT16, 2) + (32).to_bytes(2),
    }
    told = _control(_MAP, len(metadata)) + b"".join(encoded(key) + value for key, value in metadata.items())
    path.write_bytes(tree + b"\0" * 16 + data + MARKER + told)
    return path


def _bits(cidr: str, ip_version: int) -> tuple[int, int, int]:
    """The network's first number, its prefix length and the width, in the tree of the file."""
    network = ip_network(cidr)
    width = 32 if ip_version == 4 else 128
    inside = 96 if isinstance(network, IPv4Network) and ip_version == 6 else 0
    return int(network.network_address), network.prefixlen + inside, width


def _plant(nodes: list[list[int | None]], number: int, length: int, width: int, mark: int) -> None:
    """Put a mark at a prefix; wider networks are planted first, and split where a narrower one lies in them."""
    at = 0
    for depth in range(length):
        bit = number >> (width - 1 - depth) & 1
        if depth == length - 1:
            nodes[at][bit] = mark
            return
        child = nodes[at][bit]
        if child is None or child < 0:
            nodes.append([child, child])
            child = nodes[at][bit] = len(nodes) - 1
        at = child


def city(
    country: str = "IT",
    *,
    city: str = "",
    region: str = "",
    at: tuple[float, float] | None = None,
    radius_km: int | None = None,
    traits: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """A record of the nested City schema."""
    record: dict[str, Any] = {"country": {"iso_code": country, "names": {"en": country}}}
    if city:
        record["city"] = {"names": {"en": city}}
    if region:
        record["subdivisions"] = [{"names": {"en": region}}]
    if at is not None:
        record["location"] = {"latitude": float(at[0]), "longitude": float(at[1])}
        if radius_km is not None:
            record["location"]["accuracy_radius"] = radius_km
    if traits:
        record["traits"] = traits
    return record


def asn(number: int, organisation: str) -> dict[str, Any]:
    """A record of an ASN database."""
    return {"autonomous_system_number": number, "autonomous_system_organization": organisation}
