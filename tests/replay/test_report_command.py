"""`report` as people type it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.replay.command import sessionwatch

GOLDEN = Path(__file__).parent / "hospital-day.alerts.jsonl"


def events(path: Path) -> Path:
    """A small log: a flood of failures, one of them of a user who is called like markup."""
    lines = [
        {
            "id": f"e{n}",
            "at": f"2026-03-02T10:00:{n:02d}Z",
            "kind": "login_failed",
            "outcome": "failure",
            "user": "<script>alert(1)</script>",
            "ip": "192.0.2.1",
            "place": {"latitude": 45.5, "longitude": 9.2, "radius_km": 20, "country": "IT", "city": "Milan"},
        }
        for n in range(30)
    ]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines) + "{broken\n")
    return path


def test_a_report_of_logs_has_the_account_and_maps_and_is_the_same_again(tmp_path: Path) -> None:
    """With one worker or two; what could not be read ends the command with 3, and is on the page."""
    log = events(tmp_path / "log.jsonl")
    pages = [tmp_path / "one.html", tmp_path / "two.html"]
    for page, workers in zip(pages, ("1", "2"), strict=True):
        ended = sessionwatch("report", log, "-o", page, "--workers", workers)
        assert ended.code == 3
        assert str(page) in ended.err
    one, two = (page.read_bytes() for page in pages)
    assert one == two
    text = one.decode()
    assert "31: 30 mapped, 0 dropped, 1 could not be read" in text
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "Milan, IT (within 20 km)" in text


def test_a_report_of_alerts_passes_over_lines_that_are_none(tmp_path: Path) -> None:
    """They are told on the page, and by the exit code."""
    alerts = tmp_path / "alerts.jsonl"
    alerts.write_text(GOLDEN.read_text() + "{broken\n")
    ended = sessionwatch("report", "--alerts", alerts, "-o", tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    assert ended.code == 3
    assert text.count('class="alert"') == len(GOLDEN.read_text().splitlines())
    assert "1 lines are no alerts" not in text
    assert "a line is no alert and was passed over" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "give PATHs, or --alerts FILE"),
        (("log.jsonl", "--alerts", "alerts.jsonl"), "and not both"),
        (("--alerts", "alerts.jsonl", "--from", "2026-03-02"), "go with PATHs"),
        (("--alerts", "nowhere.jsonl"), "cannot be read"),
    ],
)
def test_what_cannot_be_reported_is_said_in_one_line(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    """And nothing is written."""
    (tmp_path / "alerts.jsonl").write_bytes(GOLDEN.read_bytes())
    placed = [tmp_path / word if word.endswith(".jsonl") else word for word in words]
    ended = sessionwatch("report", *placed, "-o", tmp_path / "report.html")
    assert ended.code == 2
    assert said in ended.err
    assert len(ended.err.strip().splitlines()) == 1
    assert not (tmp_path / "report.html").exists()


def test_a_report_never_takes_the_place_of_what_it_reads(tmp_path: Path) -> None:
    """The output is refused where it is an input."""
    alerts = tmp_path / "alerts.jsonl"
    alerts.write_bytes(GOLDEN.read_bytes())
    ended = sessionwatch("report", "--alerts", alerts, "-o", alerts)
    assert ended.code == 2
    assert alerts.read_bytes() == GOLDEN.read_bytes()
