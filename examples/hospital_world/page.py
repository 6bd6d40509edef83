"""The page that stands beside the example and says what is in it."""

from __future__ import annotations

from collections.abc import Sequence

from hospital_world.attacks import Staged
from hospital_world.staff import PEOPLE
from hospital_world.traps import told

BEGIN = """# A hospital day

**Generated. No person, record, network or event in it is real.** The addresses are private or from the ranges that are
reserved for documentation; cities lie where they lie, everything else is invented. `make example` writes the files
anew, byte for byte the same; the code is in `examples/hospital_day.py` and `examples/hospital_world/`.

| file | what |
|---|---|
| `warm-up.jsonl.gz` | 15 ordinary days, 16 to 30 March 2026, so that rules know what is usual |
| `day.jsonl.gz` | 31 March 2026 (London time), with all that is staged |
| `staged.json` | each staged attack with its rule, person and time, and everybody who only looks like trouble |

## Staged

| when (UTC) | who | what | rule |
|---|---|---|---|
"""

MIDDLE = """

## Honest people who look like trouble

No rule may raise an alert on them.

| who | what looks like trouble |
|---|---|
"""

END = """

Besides: failed sign-ins under names that are nobody's (`unknown`, `-`, `null`), and two lines that are no events, one
cut off and one without a time, for the dead letter.

## What it does not show

The day and the bundled rules were made beside each other: stories were adjusted until they said what they meant to the
detectors (the ward's own network has no class, the VPN of the day has the class `sase`), and some limits were settled
with the staged attacks in sight (300 km for impossible travel, because 500 would miss the theft in Edinburgh). That
every attack here is found and nobody honest accused is a test that this stays so. It says nothing about how many
attacks are found, or people accused, in logs that nobody has tuned for.
"""


def page(staged: Sequence[Staged]) -> str:
    """The page, with a row for each attack and each person who only looks like trouble."""
    attacks = [
        f"| {attack.begin:%H:%M} | {PEOPLE[attack.name].user} | {attack.story} | `{attack.rule}` |" for attack in staged
    ]
    traps = [f"| {trap['user']} | {trap['story']} |" for trap in told()]
    return BEGIN + "\n".join(attacks) + MIDDLE + "\n".join(traps) + END
