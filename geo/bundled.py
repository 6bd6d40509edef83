"""The bundled map: where addresses are, for whoever has no database. `geo.map_making` makes it."""

from __future__ import annotations

import hashlib
import io
import mmap
import struct
from bisect import bisect_right
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from importlib.resources import as_file, files
from pathlib import Path
from typing import BinaryIO, Final, Literal

from geo.addresses import V4_BITS, Address
from geo.cache import CACHE_VARIABLE, cache_folders, hold, kept, sweep, trusted, usable
from geo.completion import NOWHERE, vetted
from geo.packed import HEADER_MAX_BYTES, UNPACKED_MAGIC, Header, header_in, read_header, unpacked_size_bytes
from models.places import Place
from sessionwatch.errors import DatabaseError

MAP_NAME: Final = "bundled.map"
BUILD_PREFIX: Final = "dbip-lite-"
"""How the builds of all bundled maps begin."""

UNPACKED_SUFFIX: Final = ".unpacked-map"

PLACES_CACHED_MAX: Final = 65_536
"""Pairs of a cell and an organisation whose place is remembered: about 500 bytes each, so 32 MB at most. When it is
full, all is forgotten."""

_V6_NETWORK_BITS: Final = 64
_HASH_SHOWN: Final = 16
_FORMATS: Final[dict[str, Literal["B", "H", "h", "I"]]] = {"u1": "B", "u2": "H", "i2": "h", "u4": "I"}

_DAMAGED: Final = (ArithmeticError, LookupError, ValueError, struct.error)
"""What reading a damaged map raises: a number of nothing, a text that is none, a range that ends before it begins."""

Say = Callable[[str], None]
"""Tells the user one line."""

Range = tuple[int, int, int]
"""The first address of a range, the one after its last, and the number of the range."""


class BundledMap:
    """An unpacked map, mapped into memory, so that processes share it; answers as a database does.

    `build` names it in alerts; `attribution` is whom to thank wherever its answers are shown.
    """

    type: Final = "bundled map"

    def __init__(
        self, header: Header, whole: memoryview, begin: int, path: Path, *, unpacked: Path | None = None
    ) -> None:
        """Read arrays from `whole`, in which they begin at `begin`. `path` is the file that the map came packed in.

        `unpacked`: the file that `whole` is; None where it is this process' alone, because there was no folder for it.
        """
        self.path = path
        self.in_memory = unpacked is None
        self._unpacked = unpacked or path
        self._body, self._body_hash = whole[begin:], header.body
        self._whole = whole
        self._name = unpacked_name(header)
        self.build = header.title.build
        self.built_at = datetime.fromisoformat(header.title.built_at)
        self.attribution = header.title.attribution
        self._arrays = {
            name: whole[begin + s.begins : begin + s.begins + s.size_bytes].cast(_FORMATS[s.type])
            for name, s in header.sections.items()
        }
        self._places: dict[tuple[int, int], Place] = {}
        self._cells: dict[int, Place] = {}  # as many as the map has cells, at most
        self._v4, self._v4_numbers = self._narrow("v4_starts"), self._narrow("v4_number_starts")
        self._v6, self._v6_numbers = self._wide("v6_starts"), self._wide("v6_number_starts")

    def look_up(self, address: Address) -> tuple[Place, int]:
        """What it says of `address`, and the length of the prefix that the answer is good for.

        `NOWHERE` for what is not public: the ranges of examples, and what translates or tunnels, are no places.

        Raises:
            DatabaseError: what the unpacked file has there is damaged.
        """
        if address.scope != "public":
            return NOWHERE, address.bits
        try:
            return self._look_up(address)
        except _DAMAGED as error:
            raise self._broken(f"{address.text}: {error}") from error

    def check(self) -> None:
        """Read the whole of it.

        Raises:
            DatabaseError: its contents are not those it was unpacked with.
        """
        if hashlib.sha256(self._body).hexdigest() != self._body_hash:
            raise self._broken("its contents are not those it was made with")

    def _broken(self, what: str) -> DatabaseError:
        return DatabaseError(f"{self._unpacked}: damaged ({what}); remove the file, and the next start makes it again")

    def _look_up(self, address: Address) -> tuple[Place, int]:
        if address.bits == V4_BITS:
            number, bits, family = address.number, V4_BITS, "v4"
            place, network = self._v4(number), self._v4_numbers(number)
        else:
            number, bits, family = address.number >> _V6_NETWORK_BITS, _V6_NETWORK_BITS, "v6"
            place, network = self._v6(number), self._v6_numbers(number)
        cell = self._arrays[f"{family}_cells"][place[2]]
        organisation = self._arrays[f"{family}_numbers"][network[2]]
        prefix = _prefix(number, max(place[0], network[0]), min(place[1], network[1]), bits)
        return self._known(cell, organisation), prefix

    def look_up_many(self, addresses: Sequence[Address]) -> list[Place | None]:
        """The places that `look_up` says of each, None where it raises; IPv4 all at once, in a fraction of the time."""
        import numpy as np  # only who has many addresses waits for it to be imported

        narrow = [n for n, address in enumerate(addresses) if address.bits == V4_BITS and address.scope == "public"]
        numbers = np.array([addresses[n].number for n in narrow], np.uint32)

        def found(kind: str, starts: str) -> list[int]:
            at = np.searchsorted(np.asarray(self._arrays[starts]), numbers, side="right") - 1
            said: list[int] = np.asarray(self._arrays[kind])[at].tolist()
            return said

        pairs = zip(found("v4_cells", "v4_starts"), found("v4_numbers", "v4_number_starts"), strict=True)
        places: list[Place | None] = [None] * len(addresses)
        for n, pair in zip(narrow, pairs, strict=True):
            with suppress(*_DAMAGED):
                places[n] = self._places.get(pair) or self._known(*pair)
        for n, place in enumerate(places):
            if place is None:
                with suppress(DatabaseError):
                    places[n] = self.look_up(addresses[n])[0]
        return places

    def write(self, folder: Path) -> None:
        """Write the unpacked map into `folder`, for other processes.

        Raises:
            OSError: it cannot be written.
        """
        (folder / self._name).write_bytes(self._whole)

    def close(self) -> None:
        """Let go of nothing: the map is shared by all who asked for it in this process."""

    def _known(self, cell: int, organisation: int) -> Place:
        """The place of a cell and an organisation, remembered."""
        known = self._places.get((cell, organisation))
        if known is None:
            if len(self._places) >= PLACES_CACHED_MAX:
                self._places.clear()
            known = self._places[cell, organisation] = self._place(cell, organisation)
        return known

    def _place(self, cell: int, organisation: int) -> Place:
        if not cell and not organisation:
            return NOWHERE
        arrays = self._arrays
        where = self._where(cell) if cell else NOWHERE
        return Place(
            where.latitude,
            where.longitude,
            where.radius_km,
            where.country,
            where.region,
            where.city,
            arrays["organisation_numbers"][organisation],
            self._line("organisation_texts", organisation),
            source="database",
            build=self.build,
        )

    def _where(self, cell: int) -> Place:
        """The place of a cell, without who has the network."""
        known = self._cells.get(cell)
        if known is None:
            arrays = self._arrays
            country, region, city = self._line("cell_texts", cell).split("\t")
            latitude, longitude = arrays["latitudes"][cell] / 100, arrays["longitudes"][cell] / 100
            said = Place(latitude, longitude, float(arrays["radii_km"][cell]), country, region, city)
            # Its names and coordinates are of one making: borders would cost more than they find.
            known = self._cells[cell] = vetted(said, "database", self.build, borders=False)
        return known

    def _line(self, name: str, number: int) -> str:
        at = self._arrays[f"{name}_at"]
        return bytes(self._arrays[name][at[number] : at[number + 1] - 1]).decode()

    def _narrow(self, name: str) -> Callable[[int], Range]:
        starts: Sequence[int] = self._arrays[name]

        def find(number: int) -> Range:
            after = bisect_right(starts, number)
            return starts[after - 1], starts[after] if after < len(starts) else 1 << V4_BITS, after - 1

        return find

    def _wide(self, name: str) -> Callable[[int], Range]:
        high: Sequence[int] = self._arrays[f"{name}_high"]
        begin: Sequence[int] = self._arrays[f"{name}_from"]
        low: Sequence[int] = self._arrays[f"{name}_low"]

        def whole(at: int) -> int:
            if at >= len(low):
                return 1 << _V6_NETWORK_BITS
            return high[bisect_right(begin, at) - 1] << 32 | low[at]

        def find(number: int) -> Range:
            group = bisect_right(high, number >> 32) - 1
            after = begin[group + 1]
            if high[group] == number >> 32:
                after = bisect_right(low, number & 0xFFFF_FFFF, begin[group], after)
            return whole(after - 1), whole(after), after - 1

        return find


def bundled_map(say: Say | None = None, folder: Path | None = None) -> BundledMap:
    """The map that comes with sessionwatch, unpacked into the user's cache at first use; one object per process.

    `folder`: where somebody has unpacked it already, and which comes before the cache.

    Raises:
        DatabaseError: the packed file is damaged.
    """
    with as_file(files(__package__).joinpath(MAP_NAME)) as packed:
        return opened(packed, (*([] if folder is None else [folder]), *cache_folders()), say)


def opened(packed: Path, folders: tuple[Path, ...], say: Say | None = None) -> BundledMap:
    """The map of the packed file, unpacked into the first of `folders` that can be used, else into memory.

    `say` hears of what takes time and of a cache that cannot be used.

    Raises:
        DatabaseError: the packed file is damaged.
    """
    known = _OPEN.get((packed, folders))
    if known is None:
        known = _OPEN[packed, folders] = _mapped(packed, folders, say or _nobody)
    return known


_OPEN: Final[dict[tuple[Path, tuple[Path, ...]], BundledMap]] = {}


def unpacked_name(header: Header) -> str:
    """The name of an unpacked map in a folder."""
    return f"{header.hash[:_HASH_SHOWN]}{UNPACKED_SUFFIX}"


def _nobody(line: str) -> None:
    """Nobody wants to hear."""


def _mapped(packed: Path, folders: tuple[Path, ...], say: Say) -> BundledMap:
    header, _ = read_header(packed)

    def make(file: BinaryIO) -> None:
        from geo.map_codec import unpack  # imports numpy, which only the first use needs

        unpack(packed, file)

    name = unpacked_name(header)
    for folder in folders:
        if trusted(folder) and _sound(folder / name, header):
            return _read(packed, folder / name)
        if not usable(folder):
            continue
        if folder != folders[0]:
            say(f"{folders[0]}: the cache cannot be written; set {CACHE_VARIABLE} to a folder of yours")
        say(f"unpacking the map {header.title.build} into {folder}, once")
        try:
            path = kept(folder, name, sound=lambda path: _sound(path, header), make=make)
        except OSError as error:
            say(f"{folder}: the map cannot be unpacked there ({error.strerror})")
            continue
        return _read(packed, path)
    say(
        f"unpacking the map {header.title.build} into memory, each time: no cache can be written; "
        f"set {CACHE_VARIABLE} to a folder of yours"
    )
    memory = io.BytesIO()
    make(memory)
    memory.seek(0)
    header, begin = header_in(memory.read(HEADER_MAX_BYTES), UNPACKED_MAGIC, packed)
    return BundledMap(header, memory.getbuffer(), begin, packed)


def _read(packed: Path, path: Path) -> BundledMap:
    header, begin = read_header(path, UNPACKED_MAGIC)
    with path.open("rb") as file:
        hold(file)  # the mapping keeps it open
        sweep(path)
        whole = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    return BundledMap(header, whole, begin, packed, unpacked=path)


def _sound(path: Path, wanted: Header) -> bool:
    """Whether the unpacked map is there, of its whole length, and the one that is wanted. Its contents are not read."""
    try:
        header, begin = read_header(path, UNPACKED_MAGIC)
        return (
            header.hash == wanted.hash
            and bool(header.body)
            and path.stat().st_size == unpacked_size_bytes(header, begin)
        )
    except (DatabaseError, OSError):
        return False


def _prefix(number: int, first: int, after: int, bits: int) -> int:
    """The shortest prefix of an address that lies in the range from `first` to before `after`."""
    beyond = (after - first).bit_length() - 1
    while number >> beyond << beyond < first or ((number >> beyond) + 1) << beyond > after:
        beyond -= 1
    return bits - beyond
