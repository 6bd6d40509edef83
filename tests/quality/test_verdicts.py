"""Nothing is told about the real logs that nobody has looked at."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from bench.quality.real_logs import Key, Verdict, all_alerts, differences, page, verdicts


def test_every_verdict_is_whole() -> None:
    """A verdict is one of three words, and says why; whoever reads the page can disagree with a reason."""
    given = verdicts()
    assert len(given) >= 20
    assert not [key for key, verdict in given.items() if len(verdict.why) < 20]


@pytest.mark.real_logs
def test_every_alert_on_the_real_logs_has_a_verdict(real_logs: Path) -> None:
    """A rule that is changed and speaks up anew, or falls silent, on logs that people have looked at: look again."""
    found = all_alerts(real_logs)
    assert differences(found, verdicts()) == []
    assert Counter(verdict.verdict for verdict in verdicts().values())["false"] <= 1


def test_what_does_not_fit_is_told() -> None:
    """An alert without a verdict and a verdict without an alert are both told, and the page shows which."""
    known, unknown = Key("log", "rule", "ann", ""), Key("log", "rule", "bo", "k")
    told = differences([unknown], [known])
    assert [line.partition(":")[0] for line in told] == ["no verdict", "no alert any more"]
    alert = {"severity": "high", "first_at": "2026-03-02T09:00:00Z"}
    assert "**none yet**" in page({unknown: [alert]}, {known: Verdict("true", "it was")})
