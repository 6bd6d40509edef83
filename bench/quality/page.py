"""The figures of the quality floor as text: what is printed, and what stands in docs/quality.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from bench.quality.families import FAMILIES
from bench.quality.scoring import Score

FALSE_MAX: Final = 2.0
FALSE_GOAL: Final = 1.0
RECALL_MIN: Final = 0.95
"""What is to be reached: false alerts a thousand user-days at most, the goal, and the share of attacks found."""


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def kept(page: Path, marks: tuple[str, str], figures: str) -> None:
    """Put `figures` between the two marks of a page."""
    begin, end = marks
    before, rest = page.read_text().split(begin)
    page.write_text(f"{before}{begin}\n\n{figures}\n\n{end}{rest.split(end)[1]}")


def months(scores: Sequence[Score]) -> str:
    """One line a month: which seed, how much, how many false alerts, how many attacks found."""
    rows = []
    for number, score in enumerate(scores):
        truths = Counter(alert.truth for alert in score.alerts)
        found = sum(bool(by) for by in score.found.values())
        rows.append(
            (
                f"{score.seed} ({'held out' if number else 'tuned on'})",
                f"{score.events:,}",
                truths["false"],
                f"{score.false_per_1000:.2f}",
                f"{found} of {len(score.found)}",
                truths["low"],
                truths["by_design"],
                truths["aftermath"],
            )
        )
    return table(
        ("month", "events", "false", "false / 1,000 user-days", "attacks found", "low", "by design", "aftermath"), rows
    )


def families(scores: Sequence[Score]) -> str:
    """Recall by family: of the month that rules are tuned on, and of the others together."""
    rows = []
    for family, rules in FAMILIES.items():
        cells = []
        for group in (scores[:1], scores[1:]):
            found, staged = found_of(group, family)
            cells.append(f"{found} of {staged}" + (f" ({found / staged:.2f})" if staged else ""))
        loaded = [rule for rule in rules if rule in scores[0].rules]
        rows.append((family, ", ".join(f"`{rule}`" for rule in loaded) or "no rule", *cells))
    return table(("family", "found by", scores[0].seed, "held out"), rows)


def precision(scores: Sequence[Score]) -> str:
    """By rule: alerts on attacks, false ones, and the share of the former; low, by design and aftermath apart."""
    counts = Counter(
        (alert.rule, group, alert.truth)
        for group, some in enumerate((scores[:1], scores[1:]))
        for score in some
        for alert in score.alerts
    )
    rows = []
    for rule in sorted(scores[0].rules):
        cells: list[object] = []
        for group in (0, 1):
            attack, false = counts[rule, group, "attack"], counts[rule, group, "false"]
            share = f"{attack / (attack + false):.2f}" if attack + false else "-"
            cells += [attack, false, share]
        rest = sum(counts[rule, group, truth] for group in (0, 1) for truth in ("low", "by_design", "aftermath"))
        rows.append((f"`{rule}`", *cells, rest))
    seed = scores[0].seed
    return table(
        (
            "rule",
            f"{seed}: attack",
            "false",
            "precision",
            "held out: attack",
            "false",
            "precision",
            "low, by design, aftermath",
        ),
        rows,
    )


def missed(scores: Sequence[Score]) -> str:
    """The attacks that were not found, and in how many of the months."""
    counts = Counter((attack.family, attack.story) for score in scores for attack in score.missed())
    if not counts:
        return "None."
    return table(
        ("family", "attack", "missed in"), [(*what, f"{n} of {len(scores)}") for what, n in sorted(counts.items())]
    )


def text(scores: Sequence[Score]) -> str:
    """All tables, each under its heading."""
    return "\n\n".join(
        (
            "### By month",
            months(scores),
            "### Recall by family",
            families(scores),
            "### Not found",
            missed(scores),
            "### Precision by rule",
            precision(scores),
        )
    )


def reached(scores: Sequence[Score]) -> list[str]:
    """What is not reached, in words; empty where all is.

    False alerts are held against the floor month by month. A month has three to ten attacks of a family, too few for a
    share of 0.95, so recall is that of the month that rules are tuned on, and that of the others together.
    """
    short = [
        f"{score.seed}: {score.false_per_1000:.2f} false alerts a thousand user-days, over {FALSE_MAX}"
        for score in scores
        if score.false_per_1000 > FALSE_MAX
    ]
    for name, group in ((scores[0].seed, scores[:1]), ("held out", scores[1:])):
        for family in FAMILIES:
            found, staged = found_of(group, family)
            if found < RECALL_MIN * staged:
                short.append(f"{name}: {family} found in {found} of {staged}, under {RECALL_MIN}")
    return short


def found_of(scores: Sequence[Score], family: str) -> tuple[int, int]:
    """How many attacks of a family were found in these months together, and how many were staged."""
    recalls = [score.recall().get(family, (0, 0)) for score in scores]
    return sum(found for found, _ in recalls), sum(staged for _, staged in recalls)
