"""What a subject's state gives up where it would outgrow its bound: the oldest of what takes most, or a rule's all."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from sessionwatch.engine.program import Program, SubjectState


def largest_folds(state: SubjectState) -> tuple[int, str]:
    """Of the rule whose open folds take most: how many bytes, and the slot of its oldest."""
    sizes: dict[str, int] = {}
    for fold in state.folds.values():
        sizes[fold.rule_id] = sizes.get(fold.rule_id, 0) + len(_encode(fold))
    if not sizes:
        return 0, ""
    rule = max(sizes, key=lambda name: (sizes[name], name))
    _, oldest = min((fold.at_us, slot) for slot, fold in state.folds.items() if fold.rule_id == rule)
    return sizes[rule], oldest


def largest_part(state: SubjectState) -> tuple[int, int]:
    """How many bytes the largest part has, and whose it is."""
    sizes = [0 if part is None else len(_encode(part)) for part in state.parts]
    size = max(sizes, default=0)
    return size, sizes.index(size) if sizes else 0


def halve(program: Program, state: SubjectState, index: int) -> None:
    """Drop the older half of what the rule's detector says may go, or all that the rule has learned."""
    part: Any = state.parts[index]
    fields = [getattr(part, name) for name in program.rules[index].detector.sheds]
    longest = max((entries for entries in fields if len(entries) > 1), key=lambda one: len(_encode(one)), default=None)
    if longest is None:
        state.parts[index] = None
        return
    for key in list(longest)[: len(longest) // 2] if isinstance(longest, dict) else ():
        del longest[key]
    if isinstance(longest, list):
        del longest[: len(longest) // 2]


_encode: Final = msgspec.msgpack.Encoder().encode
