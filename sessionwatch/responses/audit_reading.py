"""An audit log looked through: whether anything in it was changed, removed, inserted or put elsewhere, and where."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from sessionwatch.responses.audit import CHECKPOINTS, NOTHING, canonical, hash_of, lines_of, segments, signature
from sessionwatch.responses.credentials import Secret

FIELDS: Final = frozenset({"seq", "writer", "at", "what", "by", "data", "prev", "hash"})
FAULTS_MAX: Final = 1_000
"""Faults that a look through an audit log tells; after so many it stops."""


class AuditFault(NamedTuple):
    """Something that is not as it was written: in whose chain, at which record, and what."""

    writer: str
    seq: int
    what: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.writer} {self.seq}: {self.what}"


@dataclass(slots=True)
class Verified:
    """What a look through an audit log found.

    `signed_until` is the newest record of each chain that a signed checkpoint vouches for; what came after it is held
    together by hashes alone.
    """

    records: dict[str, int] = field(default_factory=dict)
    checkpoints: int = 0
    signed_until: dict[str, int] = field(default_factory=dict)
    faults: list[AuditFault] = field(default_factory=list)


def verify(folders: Sequence[Path], key: Secret | None) -> Verified:
    """Look through all chains, then hold them against the checkpoints. Without `key` signatures are not checked."""
    found = Verified()
    hashes: dict[str, dict[int, str]] = {}
    marks = _marks(folders)
    for writer, paths in segments(*folders).items():
        hashes[writer] = _chain(writer, paths, marks.get(writer, set()), found)
    _checkpoints(folders, key, hashes, found)
    found.faults = sorted(set(found.faults))[:FAULTS_MAX]
    return found


def records(folders: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """Every record that can be read, of all chains, by time."""
    made = [record for paths in segments(*folders).values() for line in lines_of(paths) if (record := _read(line))]
    yield from sorted(made, key=lambda record: (record["at"], record["writer"], record["seq"]))


def _chain(writer: str, paths: Sequence[Path], marks: set[int], found: Verified) -> dict[int, str]:
    """Look through one chain; the hashes of the records that checkpoints name."""
    seq, before, kept = 0, NOTHING, dict[int, str]()
    count = 0

    def fault(at: int, what: str) -> None:
        if len(found.faults) < FAULTS_MAX:
            found.faults.append(AuditFault(writer, at, what))

    for line in lines_of(paths):
        record = _read(line)
        count += 1
        if record is None or record["writer"] != writer:
            fault(seq + 1, "is no record as it was written: changed, or inserted")
            seq, before = seq + 1, ""
            continue
        number, own = record["seq"], hash_of(record)
        if own != record["hash"] or canonical(record) + b"\n" != line:
            fault(seq + 1 if number != seq + 1 else number, "was changed")
            own = record["hash"]
        if number > seq + 1:
            fault(seq + 1, f"removed, up to {number - 1}")
        elif number <= seq:
            fault(number, "stands a second time or out of order: inserted, or put elsewhere")
        elif before not in {"", record["prev"]}:
            fault(number, "does not follow the record before it: one of them was changed, or is another's")
        seq, before = max(seq, number), own
        if number in marks:
            kept[number] = own
    found.records[writer] = count
    kept[0] = str(seq)
    return kept


def _read(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    right = isinstance(record, dict) and set(record) == FIELDS and type(record["seq"]) is int
    return record if right and isinstance(record["at"], str) and isinstance(record["hash"], str) else None


def _marks(folders: Sequence[Path]) -> dict[str, set[int]]:
    """The numbers of records that checkpoints name."""
    marks: dict[str, set[int]] = {}
    for line in _checkpoint_lines(folders):
        for writer, (seq, _) in _heads(line).items():
            marks.setdefault(writer, set()).add(seq)
    return marks


def _checkpoints(
    folders: Sequence[Path], key: Secret | None, hashes: dict[str, dict[int, str]], found: Verified
) -> None:
    before, number = NOTHING, 0
    trusted: dict[str, int] = {}
    for line in _checkpoint_lines(folders):
        body = line.rstrip(b"\n")
        try:
            record = json.loads(body)
            good = canonical(record) == body and line.endswith(b"\n") and record["n"] == number + 1
            good = good and record["prev"] == before
            signed = key is not None and hmac.compare_digest(record["mac"], signature(record, key))
        except (ValueError, KeyError, TypeError):
            good, signed, record = False, False, {}
        number += 1
        before = hashlib.sha256(body).hexdigest()
        if not good or (key is not None and not signed):
            found.faults.append(
                AuditFault("checkpoints", number, "was changed, removed, inserted, or not signed by this key")
            )
            number = record["n"] if isinstance(record.get("n"), int) else number
            continue
        found.checkpoints += 1
        for writer, (seq, digest) in _heads(line).items():
            _held_against(writer, seq, digest, trusted.get(writer, 0), hashes.get(writer, {}), found)
            trusted[writer] = max(trusted.get(writer, 0), seq)
            if signed:
                found.signed_until[writer] = max(found.signed_until.get(writer, 0), seq)


def _held_against(writer: str, seq: int, digest: str, trusted: int, kept: dict[int, str], found: Verified) -> None:
    if kept.get(seq) == digest:
        return
    last = int(kept.get(0, "0"))
    if last < seq:
        what = f"removed, up to {seq} at least, which a checkpoint knows"
        found.faults.append(AuditFault(writer, last + 1, what))
    else:
        what = f"is not what a checkpoint knows: it or one after {trusted} was changed"
        found.faults.append(AuditFault(writer, seq, what))


def _checkpoint_lines(folders: Sequence[Path]) -> Iterator[bytes]:
    path = next((folder / CHECKPOINTS for folder in folders if (folder / CHECKPOINTS).is_file()), None)
    if path is not None:
        yield from lines_of([path])


def _heads(line: bytes) -> dict[str, tuple[int, str]]:
    try:
        said = json.loads(line)["heads"]
        return {str(name): (int(seq), str(digest)) for name, (seq, digest) in said.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
