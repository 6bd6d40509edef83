"""Whether adapters hold their promises over any number of records changed at random.

    python -m bench.fuzz [--records N] [--seed N] [--format NAME ...] [--read N]

For each record: nothing is raised but `BadRecordError`; what comes of it is a non-empty list of events valid by the
schema, with texts that are cut and trimmed, or a drop that the adapter declares. For one in four: the same record gives
the same bytes again. For one in forty (`--read`), the whole way of reading: every line is mapped, dropped or in the
dead letter, as it was one by one. Formats come from the registry. Records are changed from the adapters' own examples,
and from the real logs where SESSIONWATCH_REAL_LOGS names them. Exit code 1 where a promise is broken, with the smallest
record that does it.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Any, Final

import msgspec

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from bench.mutation import Mutator, words_of  # noqa: E402 - a script finds the packages once the path is set
from models.events import SessionEvent  # noqa: E402 - as above
from sessionwatch.errors import BadRecordError  # noqa: E402 - as above
from streams.accounting import Accounting  # noqa: E402 - as above
from streams.adapters import adapters  # noqa: E402 - as above
from streams.adapters.adapter import Adapter, Dropped  # noqa: E402 - as above
from streams.adapters.fields import TEXT_LENGTH_MAX  # noqa: E402 - as above
from streams.canonical import Canonical  # noqa: E402 - as above
from streams.reading import ReadSettings, read  # noqa: E402 - as above

READ_EVERY: Final = 40
"""One record in so many goes the whole way of reading as well."""
SHEET_MAX: Final = 10_000
"""Records that are changed, judged and, a sample of them, read together."""
FAULTS_MAX: Final = 20
"""Different faults after which a format is left."""
SHRINKS_MAX: Final = 3_000
"""Tries to make the record of a fault smaller."""
REAL_MAX: Final = 300
"""Real records of a format that are changed."""
REAL_BYTES_MAX: Final = 12_000
"""Bytes of a real record; larger ones are not changed, as most of the time would go into copying them."""
RECOGNISE_EVERY: Final = 64
"""One record in so many is recognised as well, by all formats."""
AGAIN_EVERY: Final = 4
"""One record in so many is judged a second time, which must give the same."""

_EVENT: Final = msgspec.json.Decoder(SessionEvent)
_CANONICAL: Final = Canonical("default", {}, Accounting())
_TEXTS: Final = [name for name, kind in SessionEvent.__annotations__.items() if kind == "str" and name != "id"]
_SOURCES: Final = frozenset(adapters())
_ENVELOPES: Final = (b'{"value"', b'{"records"', b'{"Records"', b"[")


class BrokenPromiseError(AssertionError):
    """A promise that an adapter did not hold; the message says which."""


@dataclass
class Report:
    """What came of one format's records."""

    format: str
    records: int = 0
    read_whole: int = 0
    events: int = 0
    seconds: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: dict[str, bytes] = field(default_factory=dict)
    """The promise that is broken, and the smallest record found that does it."""
    slowest_seconds: float = 0.0
    slowest: bytes = b""
    """The record that took longest, by the processor's time: far more than others of its length is a fault too."""


def outcome(each: Adapter, line: bytes) -> tuple[str, bytes]:
    """What comes of one record, in a word, and its events as bytes.

    Raises:
        BrokenPromiseError: not what the adapter promises.
    """
    try:
        made = each.adapt(each.decode(line))
    except BadRecordError as fault:
        if not fault.reason.replace("_", "").isalnum():
            raise BrokenPromiseError(f"{fault.reason!r} is no reason") from fault
        return f"dead: {fault.reason}", b""
    except Exception as error:
        raise BrokenPromiseError(f"{type(error).__name__} was raised: {error}") from error
    if isinstance(made, Dropped):
        if made.reason not in each.drops:
            raise BrokenPromiseError(f"{made.reason} is no declared drop")
        return f"dropped: {made.reason}", b""
    if not made or not all(type(event) is SessionEvent for event in made):
        raise BrokenPromiseError("neither events nor a drop")
    try:
        for event in made:
            _CANONICAL.make(event, each.name)
    except BadRecordError as fault:
        return f"dead: {fault.reason}", b""
    return "mapped", _checked(each, made)


def _checked(each: Adapter, made: Sequence[SessionEvent]) -> bytes:
    written = b""
    for event in made:
        try:
            encoded = msgspec.json.encode(event)
            again = _EVENT.decode(encoded)
        except (msgspec.MsgspecError, UnicodeError, ValueError) as error:
            raise BrokenPromiseError(f"an event cannot go over the wire: {type(error).__name__}: {error}") from error
        if again != event:
            raise BrokenPromiseError("an event is another when it is read back")
        if event.at.tzinfo is not UTC:
            raise BrokenPromiseError("a time is not in UTC")
        if each.record_type is not SessionEvent and event.source not in _SOURCES | {each.name}:
            raise BrokenPromiseError(f"the source is {event.source!r}, no format")
        if each.record_type is not SessionEvent:
            _tidy(event)
        written += encoded + b"\n"
    if len({event.id for event in made}) < len(made):
        raise BrokenPromiseError("two events of one record have one id")
    return written


def _tidy(event: SessionEvent) -> None:
    for name in _TEXTS:
        said = getattr(event, name)
        # A user is case-folded by then, which makes up to three letters of one.
        if len(said) > TEXT_LENGTH_MAX * (3 if name == "user" else 1) or said != said.strip():
            raise BrokenPromiseError(f"`{name}` is too long, or has blanks around it")
    for key, said in event.attributes.items():
        if not key or not said or len(said) > TEXT_LENGTH_MAX:
            raise BrokenPromiseError(f"attribute `{key[:40]}` is empty or too long")


def judged(each: Adapter, line: bytes, *, again: bool = True) -> tuple[str, int]:
    """What comes of one record, and how many events; `again`: judged a second time.

    Raises:
        BrokenPromiseError: not what is promised, or not the same the second time.
    """
    first = outcome(each, line)
    if again and outcome(each, line) != first:
        raise BrokenPromiseError("the second time it is another")
    return first[0], first[1].count(b"\n")


def recognised(line: bytes) -> None:
    """Ask every format whether the record is one of its own.

    Raises:
        BrokenPromiseError: one of them raises, or gives no score from 0 to 1.
    """
    try:
        record = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    for other in adapters().values() if isinstance(record, dict) else ():
        try:
            score = other.recognise(record).score
        except Exception as error:
            raise BrokenPromiseError(f"{other.name} cannot recognise: {type(error).__name__}: {error}") from error
        if not 0 <= score <= 1:
            raise BrokenPromiseError(f"{other.name} is alike by {score}")


def read_whole(each: Adapter, lines: Sequence[bytes], folder: Path) -> None:
    """Read a file of `lines`, and compare the sums with what comes of them one by one.

    Raises:
        BrokenPromiseError: something was raised, or the sums differ.
    """
    good = msgspec.json.encode(dict(each.examples[0].record))
    lines = [good, *(line for line in lines if line.strip() and not line.startswith(_ENVELOPES))]
    singly = Counter(outcome(each, line)[0] for line in lines)
    file = folder / "changed.jsonl"
    file.write_bytes(b"\n".join(lines) + b"\n")
    accounting = Accounting()
    try:
        events = list(read([file], ReadSettings(format=each.name), accounting))
    except Exception as error:
        raise BrokenPromiseError(f"reading raised {type(error).__name__}: {error}") from error
    together = Counter({f"dead: {reason}": n for reason, n in accounting.dead_letters.items()})
    together.update({f"dropped: {reason}": n for reason, n in accounting.dropped.items()})
    together["mapped"] = accounting.mapped
    if not accounting.adds_up or accounting.records_read != len(lines) or accounting.events_made != len(events):
        raise BrokenPromiseError(f"{len(lines)} lines: {accounting.records_read} read, the sums do not add up")
    if +together != +singly:
        raise BrokenPromiseError(f"together {dict(together - singly)}, one by one {dict(singly - together)}")


def fuzz(each: Adapter, records: int, seed: int, real: Sequence[bytes] = (), read_every: int = READ_EVERY) -> Report:
    """Judge so many changed records of one format."""
    report = Report(each.name)
    seeds = [msgspec.json.encode(dict(one.record)) for one in each.examples]
    mutator = Mutator([*seeds, *real], words_of(each), seed)
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        for done in range(0, records, SHEET_MAX):
            lines = list(itertools.islice(mutator, min(SHEET_MAX, records - done)))
            _judge(each, lines, report)
            sample = lines[::read_every]
            report.read_whole += len(sample)
            try:
                read_whole(each, sample, Path(folder))
            except BrokenPromiseError as fault:
                report.faults.setdefault(str(fault), b"\n".join(sample))
            if len(report.faults) >= FAULTS_MAX:
                break
    report.seconds = time.perf_counter() - begun
    report.faults = {fault: shrunk(line, _breaks(each, fault)) for fault, line in report.faults.items()}
    return report


def _judge(each: Adapter, lines: Sequence[bytes], report: Report) -> None:
    for n, line in enumerate(lines):
        began = time.process_time()
        try:
            what, events = judged(each, line, again=n % AGAIN_EVERY == 0)
            if n % RECOGNISE_EVERY == 0:
                recognised(line)
        except BrokenPromiseError as fault:
            report.faults.setdefault(str(fault), line)
            what, events = "broken", 0
        if (took := time.process_time() - began) > report.slowest_seconds:
            report.slowest_seconds, report.slowest = took, line
        report.outcomes[what] += 1
        report.events += events
    report.records += len(lines)


def _breaks(each: Adapter, fault: str) -> Callable[[bytes], bool]:
    def breaks(line: bytes) -> bool:
        try:
            judged(each, line)
            recognised(line)
        except BrokenPromiseError as broken:
            return str(broken) == fault
        return False

    return breaks


def shrunk(line: bytes, breaks: Callable[[bytes], bool]) -> bytes:
    """A smaller record that breaks the same promise: without keys and characters that do not matter to it."""
    if not breaks(line):
        return line
    tries, smaller = 0, True
    while smaller and tries < SHRINKS_MAX:
        smaller = False
        for candidate in _smaller(line):
            tries += 1
            if tries >= SHRINKS_MAX:
                break
            if len(candidate) < len(line) and breaks(candidate):
                line, smaller = candidate, True
                break
    return line


def _smaller(line: bytes) -> Iterator[bytes]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        for size in (len(line) // 2, len(line) // 8, 1):
            for at in range(0, len(line), max(size, 1)):
                yield line[:at] + line[at + max(size, 1) :]
        return
    holders = [record]
    while holders:
        holder = holders.pop()
        for key in list(holder) if isinstance(holder, dict) else range(len(holder)) if isinstance(holder, list) else []:
            inner = holder[key]
            holders += [inner] if isinstance(inner, dict | list) else []
            for less in [inner[: len(inner) // 2], inner[len(inner) // 2 :], ""] if isinstance(inner, str) else []:
                holder[key] = less
                yield json.dumps(record).encode()
            holder[key] = inner
        for key in list(holder) if isinstance(holder, dict) else []:
            kept = holder.pop(key)
            yield json.dumps(record).encode()
            holder[key] = kept


def real_records(folder: Path) -> dict[str, list[bytes]]:
    """Up to 300 real records of each format, by name, spread over all that the folder has."""
    found: dict[str, list[bytes]] = {}
    for file in sorted(folder.rglob("*")):
        if file.suffix in {".json", ".jsonl", ".log"} and file.is_file():
            for record in _records(file):
                names = [name for name, each in adapters().items() if each.recognise(record).score > 0]
                line = json.dumps(record).encode()
                if names and len(line) <= REAL_BYTES_MAX:
                    found.setdefault(names[0], []).append(line)
    return {name: lines[:: max(1, len(lines) // REAL_MAX)][:REAL_MAX] for name, lines in found.items()}


def _records(file: Path) -> Iterator[dict[str, Any]]:
    """The records of a file: of a document, or of each line; a labelled sample is its `log`."""
    content = file.read_bytes()
    documents: list[Any] = []
    for part in (content,) if content.startswith((b"[", b'{"Records"')) else content.splitlines():
        try:
            documents.append(json.loads(part))
        except ValueError:
            continue
    while documents:
        record = documents.pop()
        if isinstance(record, list) or (isinstance(record, dict) and isinstance(record.get("Records"), list)):
            documents += record if isinstance(record, list) else record["Records"]
        elif isinstance(record, dict):
            yield record["log"] if isinstance(record.get("log"), dict) and "rule" in record else record


def main(words: Sequence[str] | None = None) -> int:
    """Fuzz the formats that are asked for, one after the other, and print what came of each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--records", type=int, default=20_000, help="changed records of each format")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same records")
    parser.add_argument("--format", action="append", choices=list(adapters()), help="a format; all where none is named")
    parser.add_argument("--read", type=int, default=READ_EVERY, help="one in so many is read the whole way as well")
    asked = parser.parse_args(words)
    named = os.environ.get("SESSIONWATCH_REAL_LOGS", "")
    real = real_records(Path(named)) if named and Path(named).is_dir() else {}
    broken = 0
    for name in asked.format or adapters():
        report = fuzz(adapters()[name], asked.records, asked.seed, real.get(name, ()), asked.read)
        rate = report.records / max(report.seconds, 1e-9)
        print(
            f"{name}: {report.records:,} records (seed {asked.seed}, changed from {len(adapters()[name].examples)} "
            f"examples and {len(real.get(name, ()))} real records), {report.read_whole:,} of them read the whole way, "
            f"{report.events:,} events, {len(report.faults)} faults; {rate:,.0f} a second",
            flush=True,
        )
        print("   ", ", ".join(f"{what} {count:,}" for what, count in report.outcomes.most_common()), flush=True)
        slow = f"{report.slowest_seconds * 1000:.1f} ms for {len(report.slowest):,} bytes"
        print(f"    slowest: {slow}, {report.slowest[:120]!r}", flush=True)
        for fault, line in report.faults.items():
            print(f"    {fault}\n        {line[:2000]!r}", flush=True)
        broken += len(report.faults)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
