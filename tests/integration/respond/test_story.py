"""The story that `make run` tells is true."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

STORY = Path(__file__).parents[3] / "examples" / "response_story.py"


def test_the_stranger_is_out_the_person_is_asked_and_the_record_holds(tmp_path: Path) -> None:
    """Of one person the stranger's session ends and hers goes on; of the other, who shows a factor, nothing ends."""
    folder = tmp_path / "story"
    done = subprocess.run([sys.executable, STORY, folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = [line.strip() for line in done.stdout.splitlines()]
    happened = [line for line in told if line.startswith(("session ", "kill_session", "step_up"))]
    assert happened == [
        "kill_session stranger: applied",
        "step_up bo: applied",
        "session ann-at-her-desk is used: ok",
        "session stranger is used: session_ended",
        "session bo-at-home is used: step_up_required",
        "session bo-at-home is used: ok",
    ]
    assert told[-1].startswith("0 faults")
