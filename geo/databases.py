"""Geo databases in the MaxMind DB format: opened with checks, asked together, one answer remembered per network."""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from copy import copy
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any, Final, Self

import maxminddb
import msgspec
from maxminddb.types import Record

from geo.addresses import V4_BITS, V6_BITS, Address
from geo.bundled import BundledMap
from geo.completion import NOWHERE, completed
from geo.copies import copied
from geo.credits import credit
from geo.records import READINGS, TYPES_READ, Reading
from models.places import Place
from sessionwatch.errors import DatabaseError

NETWORKS_CACHED_MAX: Final = 65_536
"""Networks of each address family whose answer is remembered: about 500 bytes each, so 64 MB at most for both. When
it is full, all is forgotten and learned again: an answer never depends on what was asked before."""

WALKED_MAX_BYTES: Final = 1_000_000
"""A file up to this size is read record by record when it is opened; of a larger one a fixed sample is."""

SAMPLES_V4: Final = 4_096
SAMPLES_V6: Final = 1_024

_BUCKET_BITS: Final = {V4_BITS: 16, V6_BITS: 32}
_METADATA_MARKER: Final = b"\xab\xcd\xefMaxMind.com"
_METADATA_MAX_BYTES: Final = 128 * 1024
_V4_ONLY: Final = 4
_FORMAT: Final = "the MaxMind DB format (.mmdb)"

_UNREADABLE: Final = (
    maxminddb.InvalidDatabaseError,
    msgspec.ValidationError,
    ArithmeticError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    UnicodeDecodeError,
    ValueError,
    struct.error,
)
"""What reading a damaged record raises; the reader in C and the one in Python differ in it."""


class Database:
    """One open file: `type` and build date as its metadata says, `build` both as alerts show them.

    `bits` is 32 where it holds IPv4 alone, else 128; `reads` makes a place of a record of its schema.
    """

    def __init__(self, path: Path, *, lasting: bool = False) -> None:
        """Open `path` and check it. `lasting`: read a copy, so that whoever writes to the file does not end us.

        Raises:
            DatabaseError: missing, cut short, of a type that is not read, or with records that cannot be read.
        """
        self.path = path
        _check_file(path)
        with copied(path) if lasting else nullcontext(path) as readable:
            self._open(path, readable)

    def _open(self, path: Path, readable: Path) -> None:
        try:
            self._size_bytes = readable.stat().st_size
            self._reader = maxminddb.open_database(readable)
            metadata = self._reader.metadata()
        except _UNREADABLE as error:
            said = str(error).replace(str(readable), path.name)
            raise DatabaseError(f"{path}: its structure is broken ({said}); get the file again") from error
        try:
            self.type: str = metadata.database_type
            self.bits: int = V4_BITS if metadata.ip_version == _V4_ONLY else V6_BITS
            self.reads, telling = _reading(path, self.type)
            self.attribution = credit(self.type)
            self.built_at = _built_at(path, self.type, metadata.build_epoch)
            self.build = f"{self.type} {self.built_at:%Y-%m-%d}"
            self._check_records(telling)
        except DatabaseError:
            self._reader.close()
            raise

    @property
    def subject(self) -> tuple[Reading, str]:
        """What it is about: how its records are read, and the word of its type that says it, such as City."""
        return self.reads, self.type.partition("-")[2].partition("-")[0]

    def look_up(self, address: Address) -> tuple[Place, int]:
        """What it says of `address`, and the length of the prefix that the answer is good for.

        An answer without content is `NOWHERE`. A database of IPv4 alone knows nothing of IPv6.

        Raises:
            DatabaseError: the record cannot be read.
        """
        if address.bits > self.bits:
            return NOWHERE, 0
        try:
            record, prefix = self._reader.get_with_prefix_len(address.text)
            return (NOWHERE if record is None else self.reads(record, self.build)), prefix
        except _UNREADABLE as error:
            raise DatabaseError(f"{self.path}: {self.type}: broken record of {address.text} ({error})") from error

    def walk(self) -> int:
        """Read every record, however many; how many networks there are.

        Raises:
            DatabaseError: one of them cannot be read.
        """
        count = 0
        try:
            for _, record in self._reader:
                self.reads(record, self.build)
                count += 1
        except _UNREADABLE as error:
            message = f"{self.path}: {self.type}: after {count:,} networks a record cannot be read ({error})"
            raise DatabaseError(f"{message}; get the file again") from error
        return count

    def close(self) -> None:
        """Let go of the file."""
        self._reader.close()

    def _check_records(self, telling: str) -> None:
        """Read the records, all or a sample, and refuse the file where one is broken or none is as its type demands."""
        told = seen = False
        try:
            for record in self._records():
                self.reads(record, self.build)
                seen = True
                told = told or (isinstance(record, dict) and telling in record)
        except _UNREADABLE as error:
            raise DatabaseError(
                f"{self.path}: {self.type}: a record cannot be read ({error}); get the file again"
            ) from error
        if not seen:
            raise DatabaseError(f"{self.path}: {self.type}: it holds no records; get the file again")
        if not told:
            raise DatabaseError(f"{self.path}: {self.type}: no record has the field {telling!r}; expected {TYPES_READ}")

    def _records(self) -> Iterator[Record]:
        if self._size_bytes <= WALKED_MAX_BYTES:
            for _, record in self._reader:
                yield record
            return
        for address in _sample(self.bits):
            record = self._reader.get(address)
            if record is not None:
                yield record


class Databases:
    """Several databases asked as one: each answers what it knows; for the same field the newest build wins.

    The bundled map, where there is one, is asked last, however new it is: it completes what the files leave open.
    Files that are not opened to last must be replaced by renaming a new one into their place, never written over: they
    are mapped into memory.
    """

    def __init__(self, databases: Iterable[Database] = (), bundled: BundledMap | None = None) -> None:
        """Ask `databases`, the newest build first, equal builds in the order of their type and path; then `bundled`."""
        self._databases = tuple(
            sorted(databases, key=lambda database: (-database.built_at.timestamp(), database.type, str(database.path)))
        )
        self._bundled = bundled
        self._asking: tuple[Database | BundledMap, ...] = (*self._databases, *([bundled] if bundled else []))
        self._answers = {bits: _Answers(bits) for bits in (V4_BITS, V6_BITS)}
        self.failed: Counter[str] = Counter()
        """Look-ups that met a broken record, by the build of the database. Such an answer is not remembered."""
        self.attributions: set[str] = set()
        """Whom to thank wherever answers are shown: makers of databases that gave something, where they ask for it."""

    @classmethod
    def open(cls, paths: Sequence[Path | str], bundled: BundledMap | None = None, *, lasting: bool = False) -> Self:
        """Open all of `paths`, `lasting` as a `Database` is, and ask `bundled` after them.

        Raises:
            DatabaseError: naming every file that cannot be used, each on a line of its own; none stays open then. Of
                IPv4 alone is a file that no other completes: half of the world's addresses would have no place.
        """
        opened: list[Database] = []
        faults: list[str] = []
        for path in paths:
            try:
                opened.append(Database(Path(path), lasting=lasting))
            except DatabaseError as error:
                faults.append(str(error))
        faults += _v4_alone(opened)
        if faults:
            for database in opened:
                database.close()
            raise DatabaseError("\n".join(faults))
        return cls(opened, bundled)

    @property
    def databases(self) -> tuple[Database, ...]:
        """Each of the files, the newest build first."""
        return self._databases

    @property
    def build(self) -> str:
        """All builds, such as `GeoLite2-ASN 2024-05-02, GeoLite2-City 2024-05-01`; empty where there is no database."""
        return ", ".join(sorted({database.build for database in self._asking}))

    def with_instead(self, old: Database, new: Database) -> Self:
        """Another that asks `new` instead of `old`, and counts on.

        Raises:
            DatabaseError: `new` answers other questions than `old`, or IPv4 alone where `old` knew both.
        """
        if new.subject != old.subject:
            raise DatabaseError(f"{new.path}: it was {old.type} and is {new.type} now; start again to change the type")
        databases = [new if one is old else one for one in self._databases]
        if faults := _v4_alone(databases):
            raise DatabaseError("; ".join(faults))
        other = type(self)(databases, self._bundled)
        other.failed, other.attributions = self.failed, self.attributions
        return other

    def twin(self) -> Self:
        """Another that asks the same databases and remembers the same, and counts its own failures."""
        other = copy(self)
        other.failed = Counter()
        return other

    def look_up(self, address: Address) -> tuple[Place, bool]:
        """What the databases together say of `address`, and whether all of them could answer; else it is not final.

        `NOWHERE` where they say nothing. A remembered answer is the one that asking again would give.
        """
        return self._look_up(address, self.failed)

    def look_up_many(self, addresses: Sequence[Address]) -> list[Place | None]:
        """What `look_up` says of each, and None where that is not final; failures are not counted.

        It takes a fraction of the time where the bundled map answers alone.
        """
        if self._bundled is not None and not self._databases:
            places = self._bundled.look_up_many(addresses)
            if any(place is not None and place is not NOWHERE for place in places):
                self.attributions.add(self._bundled.attribution)
            return places
        uncounted = Counter[str]()
        # Neighbours share networks, so one asks for what the next one finds remembered.
        order = sorted(range(len(addresses)), key=lambda n: addresses[n].number)
        found: list[Place | None] = [None] * len(addresses)
        for n in order:
            place, whole = self._look_up(addresses[n], uncounted)
            found[n] = place if whole else None
        return found

    def _look_up(self, address: Address, failed: Counter[str]) -> tuple[Place, bool]:
        if not address.bits or not self._asking:
            return NOWHERE, True
        answers = self._answers[address.bits]
        place = answers.get(address.number)
        if place is not None:
            return place, True
        place, prefix, whole = self._asked(address, failed)
        if whole:
            answers.put(address.number, prefix, place)
        return place, whole

    def close(self) -> None:
        """Let go of the files."""
        for database in self._databases:
            database.close()

    def _asked(self, address: Address, failed: Counter[str]) -> tuple[Place, int, bool]:
        """The joint answer, the longest prefix of all answers, and whether every database could; `failed` counts."""
        place, longest, whole = NOWHERE, 0, True
        for database in self._asking:
            try:
                said, prefix = database.look_up(address)
            except DatabaseError:
                failed[database.build] += 1
                whole = False
                continue
            longest = max(longest, prefix)
            if said is not NOWHERE:
                place = said if place is NOWHERE else completed(place, said)
                if database.attribution and database.build in place.build:
                    self.attributions.add(database.attribution)
        return place, longest, whole


class _Answers:
    """Places by network, for one address family.

    Networks never overlap, so the last one that begins at or before an address is the only one that can hold it. They
    lie in buckets by their first bits, so that to add one is to shift a short list; a network that is wider than a
    bucket counts as the part of it in each bucket that was asked for.
    """

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._bucket_bits = _BUCKET_BITS[bits]
        self._buckets: dict[int, tuple[list[int], list[tuple[int, Place]]]] = {}
        self.count = 0

    def get(self, number: int) -> Place | None:
        bucket = self._buckets.get(number >> (self._bits - self._bucket_bits))
        if bucket is None:
            return None
        firsts, answers = bucket
        at = bisect_right(firsts, number) - 1
        if at < 0:
            return None
        last, place = answers[at]
        return place if number <= last else None

    def put(self, number: int, prefix: int, place: Place) -> None:
        if self.count >= NETWORKS_CACHED_MAX:
            self._buckets.clear()
            self.count = 0
        beyond = self._bits - max(prefix, self._bucket_bits)
        first = number >> beyond << beyond
        firsts, answers = self._buckets.setdefault(number >> (self._bits - self._bucket_bits), ([], []))
        at = bisect_right(firsts, first)
        firsts.insert(at, first)
        answers.insert(at, (first + (1 << beyond) - 1, place))
        self.count += 1


def _v4_alone(opened: Iterable[Database]) -> list[str]:
    """A fault for each file of IPv4 alone, where no other file of its schema has IPv6."""
    files = list(opened)
    whole = {database.reads for database in files if database.bits == V6_BITS}
    return [
        f"{database.path}: {database.type}: it holds IPv4 alone; name its IPv6 half as well, or a file with both"
        for database in files
        if database.bits == V4_BITS and database.reads not in whole
    ]


def _check_file(path: Path) -> None:
    """Refuse what is no database at all, and say what it is instead."""
    if not path.exists():
        raise DatabaseError(f"{path}: there is no such file; expected {TYPES_READ}")
    if not path.is_file():
        raise DatabaseError(f"{path}: not a file; expected {TYPES_READ}")
    try:
        with path.open("rb") as file:
            head = file.read(2)
            file.seek(max(0, path.stat().st_size - _METADATA_MAX_BYTES))
            tail = file.read()
    except OSError as error:
        raise DatabaseError(f"{path}: cannot be read ({error.strerror})") from error
    if not tail:
        raise DatabaseError(f"{path}: the file is empty; expected {_FORMAT}")
    if _METADATA_MARKER in tail:
        return
    if head == b"\x1f\x8b":
        raise DatabaseError(f"{path}: compressed with gzip; unpack it and name the .mmdb file inside")
    raise DatabaseError(f"{path}: no metadata at its end: cut short, or not in {_FORMAT}; get the file again")


def _reading(path: Path, database_type: str) -> tuple[Reading, str]:
    for pattern, reading, telling in READINGS:
        if pattern.match(database_type):
            return reading, telling
    raise DatabaseError(f"{path}: its type is {database_type or 'not said'}; expected {TYPES_READ}")


def _built_at(path: Path, database_type: str, build_epoch: Any) -> datetime:
    try:
        return datetime.fromtimestamp(build_epoch, UTC)
    except (*_UNREADABLE, OSError) as error:
        raise DatabaseError(f"{path}: {database_type}: its build date {build_epoch!r} is no date") from error


def _sample(bits: int) -> Iterator[IPv4Address | IPv6Address]:
    """Addresses spread evenly over IPv4 and over the global unicast part of IPv6; the same ones every time."""
    step_v4 = 2**32 // SAMPLES_V4
    for n in range(SAMPLES_V4):
        yield IPv4Address(n * step_v4 + step_v4 // 2)
    if bits == V6_BITS:
        step_v6 = 2**125 // SAMPLES_V6
        for n in range(SAMPLES_V6):
            yield IPv6Address((1 << 125) + n * step_v6 + step_v6 // 2)
