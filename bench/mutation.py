"""Records changed at random: what logs hold when something goes wrong, and much that they never hold."""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from streams import adapters as packaged
from streams.adapters.adapter import Adapter

Raw = msgspec.Raw
Steps = tuple[str | int, ...]

CHANGES_MAX: Final = 4
"""How many changes one record gets, at most."""
BYTES_SHARE: Final = 0.08
"""The share of records whose bytes are changed as well."""
WORDS_MAX: Final = 4_000
"""Words of an adapter's own that are put in the place of others."""
WORD_LENGTH_MAX: Final = 120
"""Characters of such a word; longer ones are sentences."""
_STEPS_MAX: Final = 400
_WORD: Final = re.compile(r"[^\s\[\]{},#\"']+")

ODD: Final[tuple[bytes, ...]] = tuple(
    each if isinstance(each, bytes) else each.encode()
    for each in (
        *("null", "true", "false", "0", "-0", "-1", "1", "7.5", "1e3", "-1e-300", "2147483648", "9007199254740993"),
        *("18446744073709551616", "-9223372036854775809", "1" * 400, "1e308", "1e309", "0.1e-400", "253402300800000"),
        *("NaN", "Infinity", "-Infinity", "nul", "'x'", "01", "+1", ".5", "0x10", ""),
        *('""', '" "', '"-"', '"null"', '"None"', '"N/A"', '"unknown"', '"true"', '"FALSE"', '"Yes"', '"0"', '"1e5"'),
        *("[]", "{}", "[[]]", "[null]", "[{}]", '{"a":{}}', '{"":0}', '[1,"a",null,{"b":[]}]', '{"a":1,"a":2}'),
        *('{"name":null}', '[{"name":{"name":[]}}]', '[{"type":"User"}]', '{"id":[{}]}'),
        *('"2026-03-02T09:00:00Z"', '"2026-03-02 09:00:00.123456789"', '"2026-03-02"', '"2026-02-30T00:00:00Z"'),
        *('"0001-01-01T00:00:00+14:00"', '"9999-12-31T23:59:59-14:00"', '"2026-W10-1T09:00:00"', '"20260302T090000Z"'),
        *('"1772442000"', '"1772442000123"', "1772442000", "1772442000.5", "1772442000123", '"09:00:00"', '"now"'),
        *('"2026-03-02T24:00:00Z"', '"2026-03-02T09:00:60Z"', '"2026-03-02T09:00:00+99:99"', '"\\u0662\\u0660\\u0662"'),
        *('"192.0.2.7"', '"192.0.2.7:443"', '"[2001:db8::7]:443"', '"fe80::1%eth0"', '"010.1.2.3"', '"999.1.1.1"'),
        *('"::ffff:192.0.2.7"', '"192.0.2.7, 198.51.100.9"', '"AWS Internal"', '"0.0.0.0"', '"::"', '"1.2.3.4.5"'),
        *('"\\u0661.2.3.4"', '"1.2.3.4\\n"', '"192.0.2.7/24"', '"localhost"', '"2001:db8:::1"', '"' + "1." * 300 + '"'),
        *('"\\ud800"', '"a\\udfffb"', '"\\ud83d\\ude00"', '"\\u0000"', '"a\\u0000b"', '"\\u202eevil"', '"\\u0130"'),
        *('"\\ufb03"', '"e\\u0301"', '"\\u00df"', '"\\u2028"', '"\\ufeff"', '"\\x"', '"\\u12"', '"unterminated'),
        *(
            '"{\\"a\\": 1}"',
            '"[1, 2"',
            '"{"',
            '"[[[["',
            '"[\\"\\\\ud800\\"]"',
            '"{\\"type\\": [{}]}"',
            '"[null, 1e400]"',
        ),
        *('"a=b, c=\\"d"', '"type=LOGIN, userId="', '"%ff%fe%ed%a0%80"', '"/users/%00/roles"', '"users//logout"'),
        *('"arn:aws:sts::1:assumed-role/"', '":::::::"', '"\\"\\"\\""', '"' + "x" * 3000 + '"', '"' + "9" * 5000 + '"'),
        '"' + "\\u00e9" * 2000 + '"',
        '"' + ", a=" * 5000 + '"',
        '"' + "x_" * 5000 + '"',
        '"' + "1," * 5000 + '"',
        "[" * 70 + "]" * 70,
        '{"a":' * 70 + "1" + "}" * 70,
        "[" * 3000 + "]" * 3000,
        "[" + ",".join(['{"name":"x","value":1}'] * 300) + "]",
        b'"\xff\xfe"',
        b'"\xc3\x28"',
        b'"\xed\xa0\x80"',
        b'"caf\xe9"',
    )
)
"""Values as they stand in JSON, and some that are none."""


class Mutator:
    """Gives changed records of one format, the same for the same seed. `seeds` are good ones, as JSON objects.

    `words` are the format's own: names of events and the like, so that changed records come by all branches.
    """

    def __init__(self, seeds: Sequence[bytes], words: Sequence[str], seed: int) -> None:
        self._random = random.Random(seed)
        self._seeds = [(each, _places(msgspec.json.decode(each))) for each in seeds]
        self._words = list(words) or [""]
        self._odd = [Raw(each) for each in ODD]
        keep, rename = self._random.choice, self._renamed
        self._changes: tuple[Callable[[Any, Any], None], ...] = (
            lambda holder, key: holder.__setitem__(key, keep(self._odd)),
            lambda holder, key: holder.__setitem__(key, keep(self._odd)),
            lambda holder, key: holder.__setitem__(key, keep(self._words)),
            lambda holder, key: holder.__setitem__(key, self._found()),
            lambda holder, key: holder.__delitem__(key),
            lambda holder, key: holder.__setitem__(key, _retyped(holder[key], self._random)),
            lambda holder, key: holder.__setitem__(key, _rewritten(holder[key], self._random)),
            rename,
            self._doubled,
        )

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        """The next record: bytes without a line end, mostly JSON."""
        chance = self._random
        line, places = chance.choice(self._seeds)
        record = msgspec.json.decode(line)
        for _ in range(chance.randint(1, CHANGES_MAX)):
            self._change(record, chance.choice(places))
        try:
            changed = msgspec.json.encode(record)
        except (ValueError, RecursionError):
            changed = line
        if chance.random() < BYTES_SHARE:
            changed = _damaged(changed, chance)
        return changed.replace(b"\n", b" ").replace(b"\r", b" ") or b"{"

    def _change(self, record: Any, steps: Steps) -> None:
        *parents, last = steps
        holder = record
        try:
            for step in parents:
                holder = holder[step]
            if isinstance(holder, dict | list):
                holder[last]
                self._random.choice(self._changes)(holder, last)
        except (KeyError, IndexError, TypeError):
            return

    def _found(self) -> Any:
        """A value from anywhere in another record of the format."""
        line, places = self._random.choice(self._seeds)
        found = msgspec.json.decode(line)
        for step in self._random.choice(places):
            found = found[step]
        return found

    def _renamed(self, holder: Any, key: Any) -> None:
        if not isinstance(holder, dict):
            holder.insert(0, holder.pop(key))
            return
        name = self._random.choice((key.swapcase(), key.upper(), key.lower(), key + "_s", "", key[:-1], f" {key}"))
        holder[name] = holder.pop(key)

    def _doubled(self, holder: Any, key: Any) -> None:
        """The same key twice in one object, or the same value twice in a list."""
        if isinstance(holder, list):
            holder.insert(key, holder[key])
            return
        written = msgspec.json.encode(holder[key])
        again = self._random.choice((written, self._random.choice(ODD)))
        holder[key] = Raw(written + b"," + msgspec.json.encode(key) + b":" + again)


def words_of(each: Adapter) -> list[str]:
    """The words in the constants of an adapter's modules, those whose names begin with its own, or in its mapping."""
    found: dict[str, None] = {}
    own = f"{packaged.__name__}.{each.name}"
    for name, module in list(sys.modules.items()):
        if name == own or name.startswith(own + "_"):
            for constant, value in list(vars(module).items()):
                if constant.isupper() or constant.startswith("_"):
                    found.update(dict.fromkeys(_words(value)))
    mapping = Path(packaged.__file__ or "").parent / "mappings" / f"{each.name}.yaml"
    if mapping.is_file():
        found.update(dict.fromkeys(_WORD.findall(mapping.read_text(encoding="utf-8"))))
    return [word for word in found if 0 < len(word) < WORD_LENGTH_MAX][:WORDS_MAX]


def _words(value: Any, depth: int = 4) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif depth and isinstance(value, dict):
        for key, inner in value.items():
            yield from _words(key, depth - 1)
            yield from _words(inner, depth - 1)
    elif depth and isinstance(value, list | tuple):
        for inner in value:
            yield from _words(inner, depth - 1)
    elif depth and isinstance(value, set | frozenset):
        for inner in sorted(map(str, value)):
            yield from _words(inner, depth - 1)


def _places(record: Any) -> list[Steps]:
    """The steps to every value in a record, nearest first, up to 400."""
    found: list[Steps] = []
    waiting: list[tuple[Any, Steps]] = [(record, ())]
    while waiting and len(found) < _STEPS_MAX:
        node, steps = waiting.pop(0)
        items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        for key, inner in items:
            found.append((*steps, key))
            waiting.append((inner, (*steps, key)))
    return found


def _retyped(value: Any, chance: random.Random) -> Any:
    """The same value as another type: in a list or an object, as text, as JSON in text, as a number."""
    way = chance.randrange(6)
    if way == 0:
        return [value]
    if way == 1:
        return {"value": value}
    if way == 2:
        return str(value)
    if way == 3:
        return Raw(msgspec.json.encode(msgspec.json.encode(value).decode(errors="replace")))
    if way == 4 and isinstance(value, str):
        return Raw(value.encode()) if value.isascii() and value.isdigit() else len(value)
    return value[0] if isinstance(value, list) and value else [value, value]


def _rewritten(value: Any, chance: random.Random) -> Any:
    """Text cut, lengthened, in another case, with something odd in it; numbers made much larger."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if not isinstance(value, str):
        return chance.choice((-value, value * 1_000_003, value / 7, 10**17))
    at = chance.randint(0, len(value))
    return chance.choice(
        (
            value[:at],
            value[at:],
            value.swapcase(),
            value * 40,
            f" {value}\t",
            value[:at] + chance.choice('\x00 \u200b,;:="/\\|{}[]%\u00e9\u0130\U0001f600') + value[at:],
            value.replace("/", "//").replace(".", ""),
        )
    )


def _damaged(line: bytes, chance: random.Random) -> bytes:
    """Bytes cut off, taken out, doubled, or turned into others."""
    at = chance.randint(0, len(line))
    end = min(len(line), at + chance.randint(1, 12))
    way = chance.randrange(5)
    if way == 0:
        return line[:at]
    if way == 1:
        return line[:at] + line[end:]
    if way == 2:
        return line[:end] + line[at:]
    if way == 3:
        return line[:at] + bytes([chance.randrange(256)]) + line[at + 1 :]
    return line[:at] + chance.choice((b"\xff", b"\x00", b"\xed\xa0\x80", b"}", b'"', b",", b"{", b"[")) + line[at:]
