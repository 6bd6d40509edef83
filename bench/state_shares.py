"""What a store keeps of a user, as person and as account: bytes by rule and by field, and once it is packed.

    python -m bench.state_shares [--events N] [--sample N] [--rules DIR] [--fields N]

Of one user in `sample` of the stream of `bench.replay` (default: ten million events, 1,000 of 200,000 people), judged
as they arrive. What a rule's part takes is told unpacked, and by how much the packed blob is shorter without.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from time import process_time
from typing import Any, Final

import msgspec

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from bench.stream import lines  # noqa: E402 - a script finds the packages once the path is set
from models.events import SessionEvent  # noqa: E402 - as above
from models.findings import By  # noqa: E402 - as above
from sessionwatch.engine.disorder import DisorderEngine  # noqa: E402 - as above
from sessionwatch.engine.late import LateLane  # noqa: E402 - as above
from sessionwatch.engine.late_subject import SubjectBlob, read_blob  # noqa: E402 - as above
from sessionwatch.engine.lateness import Lateness  # noqa: E402 - as above
from sessionwatch.engine.plan import EnginePlan  # noqa: E402 - as above
from sessionwatch.engine.program import Program  # noqa: E402 - as above
from sessionwatch.live.packing import Packing  # noqa: E402 - as above

KINDS: Final[tuple[By, ...]] = ("user", "account")
"""The kinds of subject that are a user. Accounts of others that users of the sample changed are not counted."""
BATCH_EVENTS: Final = 1000
_encode: Final = msgspec.msgpack.Encoder().encode


def lived(rules: Path, events: int, seed: int, sample: int) -> tuple[LateLane, ...]:
    """The users of the sample after the stream, and their accounts, as a watch keeps them; all of it has settled."""
    plan = EnginePlan((rules,))
    engine = DisorderEngine(plan.ruleset(), plan.locator(), Lateness(), kinds=KINDS)
    arriving = map(msgspec.json.Decoder(SessionEvent).decode, lines(events, seed, sample))
    offset = 0
    while batch := list(islice(arriving, BATCH_EVENTS)):
        engine.feed(batch, offset)
        offset += len(batch)
        engine.advance(offset)
    engine.advance(offset, engine.newest_us)
    users = engine.lanes[0].subjects.keys()
    for lane in engine.lanes:
        for stranger in lane.subjects.keys() - users:
            del lane.subjects[stranger]
    return tuple(engine.lanes)


def sizes(lanes: Sequence[LateLane]) -> dict[str, Any]:
    """How many users, and the mean bytes of what a store keeps of each, packed and not; the largest single entry."""
    packed = Packing().packed
    plain = [[lane.blob(subject) for subject in lane.subjects] for lane in lanes]
    begun = process_time()
    stored = [[len(packed(blob)) for blob in blobs] for blobs in plain]
    taken_s = process_time() - begun
    users = max(1, len(plain[0]))
    found: dict[str, Any] = {
        "state_users": len(plain[0]),
        "state_bytes_per_user": round(sum(map(sum, stored)) / users, 1),
        "state_bytes_max": max((size for sizes in stored for size in sizes), default=0),
        "state_bytes_per_user_unpacked": round(sum(len(blob) for blobs in plain for blob in blobs) / users, 1),
        "state_bytes_max_unpacked": max((len(blob) for blobs in plain for blob in blobs), default=0),
        "packing_us": round(taken_s / max(1, sum(map(len, plain))) * 1e6, 1),
    }
    by_kind = zip(lanes, stored, strict=True)
    return found | {f"state_bytes_by_{lane.program.by}": round(sum(sizes) / users, 1) for lane, sizes in by_kind}


def shares(lanes: Sequence[LateLane]) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """Bytes over all users: of each part and of each field of a rule's unpacked, and what is gone without the part."""
    packed = Packing().packed
    parts: Counter[str] = Counter()
    fields: Counter[str] = Counter()
    without: Counter[str] = Counter()
    for lane, subject in [(one, subject) for one in lanes for subject in one.subjects]:
        plain = lane.blob(subject)
        whole = len(packed(plain))
        blob = read_blob(plain, subject[1])
        for name, size, rest in _parts(lane.program, blob):
            told = f"{name[:-1]} by {lane.program.by})" if name.startswith("(") else name
            parts[told] += size
            without[told] += whole - len(packed(rest))
        for rule, part in zip(lane.program.rules, lane.subjects[subject].head.parts, strict=True):
            for field in part.__struct_fields__ if part is not None else ():
                fields[f"{rule.id}.{field}"] += len(_encode(getattr(part, field)))
    return parts, fields, without


def _parts(program: Program, blob: SubjectBlob) -> Iterator[tuple[str, int, bytes]]:
    """Each rule's part and each field of the blob's own: its name, its bytes, and the blob without it."""
    for name in ("recent", "tracked", "ring", "until", "newest_by_source"):
        value = getattr(blob, name)
        yield f"({name})", len(_encode(value)), _encode(msgspec.structs.replace(blob, **{name: type(value)()}))
    if not blob.settled:
        return
    state = program.decode(blob.settled)
    for i, rule in enumerate(program.rules):
        part = state.parts[i]
        if part is not None:
            state.parts[i] = None
            yield rule.id, len(_encode(part)), _encode(msgspec.structs.replace(blob, settled=program.encode(state)))
            state.parts[i] = part
    state.folds, folds = {}, state.folds
    yield "(open folds)", len(_encode(folds)), _encode(msgspec.structs.replace(blob, settled=program.encode(state)))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="What the state of a user is made of.")
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--sample", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rules", type=Path, default=ROOT / "rules")
    parser.add_argument("--fields", type=int, default=25)
    asked = parser.parse_args(arguments)
    lanes = lived(asked.rules, asked.events, asked.seed, asked.sample)
    for name, value in sizes(lanes).items():
        print(f"{name:<36}{value:>10,}")
    parts, fields, without = shares(lanes)
    users, whole, gone = max(1, len(lanes[0].subjects)), parts.total(), without.total()
    print(f"\n{'bytes of a user, mean':<36}{'unpacked':>10}{'share':>8}{'packed, gone without it':>26}{'share':>8}")
    for name, size in parts.most_common():
        away = without[name]
        print(f"{name:<36}{size / users:>10,.0f}{size / whole:>8.1%}{away / users:>26,.0f}{away / gone:>8.1%}")
    print()
    for name, size in fields.most_common(asked.fields):
        print(f"{name:<36}{size / users:>10,.0f}{size / whole:>8.1%}")


if __name__ == "__main__":
    main()
