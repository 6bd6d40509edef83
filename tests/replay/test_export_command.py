"""`sessionwatch export`: alerts and notices become lines for a SIEM; what is neither is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.alerts import Alert
from sessionwatch.cli.export import Form
from sessionwatch.errors import InputError
from streams.sinks.alert_file import write_alerts
from streams.sinks.encoding import ENCODERS
from streams.sinks.outgoing import outgoing
from tests.replay.command import sessionwatch
from tests.unit.streams.sinks.siem_alerts import alert, notice

GOLDEN = Path(__file__).parent / "hospital-day.alerts.jsonl"


def test_every_form_can_be_asked_for() -> None:
    """What `--as` takes is what there are encoders for."""
    assert [form.value for form in Form] == list(ENCODERS)


def test_a_run_that_breaks_off_leaves_no_file(tmp_path: Path) -> None:
    """The file is there whole or not at all, and what was begun beside it is gone."""

    def lines() -> Iterator[bytes]:
        yield b"first"
        raise InputError("the second cannot be read")

    with pytest.raises(InputError):
        write_alerts(tmp_path / "out", lines())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", ENCODERS)
def test_each_alert_of_the_example_day_is_a_line(form: str, tmp_path: Path) -> None:
    """In their order, each once, with its id."""
    ids = [json.loads(line)["id"] for line in GOLDEN.read_text().splitlines()]
    done = sessionwatch("export", GOLDEN, "--as", form, "-o", tmp_path / "out")
    assert (done.code, done.out) == (0, "")
    lines = (tmp_path / "out").read_text().splitlines()
    alerts = (Alert.model_validate_json(line) for line in GOLDEN.read_text().splitlines())
    assert lines == [ENCODERS[form](outgoing(one)).decode() for one in alerts]
    assert len(lines) == len(ids)
    assert [one for one, line in zip(ids, lines, strict=True) if one not in line] == []


def test_notices_and_alerts_may_be_mixed_and_broken_lines_are_told() -> None:
    """Each good line is written, each bad one is named by number and counted; nothing of it is quoted."""
    good = [notice("raised"), alert(), notice("withdrawn", (9, 1))]
    bad = [b"no JSON Mrs-Planted", b'{"alert": {"Mrs-Planted": 1}}', b'"\xff"', b"[]", b"9" * 1_100_000]
    lines = [one.model_dump_json().encode() for one in good]
    mixed = b"\n".join([lines[0], *bad, b"", lines[1], lines[2]])
    done = sessionwatch("export", "-", "--as", "hec", stdin=mixed)
    assert done.code == 3
    assert done.out.splitlines() == [ENCODERS["hec"](outgoing(one)).decode() for one in good]
    assert "3 written, 5 passed over" in done.err
    assert [number for number in range(2, 7) if f"line {number}: " not in done.err] == []
    assert "Planted" not in done.err


def test_a_file_without_any_alert_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    """A wrong file is one clear message, and leaves no file behind; an empty one has no alerts, which is no fault."""
    wrong, output = tmp_path / "wrong", tmp_path / "out"
    wrong.write_text("a\nb\n")
    done = sessionwatch("export", wrong, "--as", "ocsf", "-o", output)
    assert done.code == 2
    assert "no line is an alert or a notice" in done.err
    assert list(tmp_path.iterdir()) == [wrong]
    assert sessionwatch("export", tmp_path / "none", "--as", "ocsf").code == 2
    wrong.write_text("")
    assert sessionwatch("export", wrong, "--as", "ocsf", "-o", output).code == 0
    assert output.read_bytes() == b""
