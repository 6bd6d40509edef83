"""The wire forms as JSON Schema: `python -m models.schema FOLDER` writes one file for each of them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

import msgspec

from models.actions import ActionReport, Instruction
from models.alerts import Alert, Notice
from models.events import SessionEvent

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def event_schema() -> dict[str, Any]:
    """Of a session event, in our own JSON."""
    return {"$schema": DIALECT, **msgspec.json.schema(SessionEvent)}


def alert_schema() -> dict[str, Any]:
    """Of an alert."""
    return {"$schema": DIALECT, **Alert.model_json_schema(mode="serialization")}


def notice_schema() -> dict[str, Any]:
    """Of a notice, with its alert."""
    return {"$schema": DIALECT, **Notice.model_json_schema(mode="serialization")}


def instruction_schema() -> dict[str, Any]:
    """Of a record of the stream from the response policy to its runner, with its action."""
    return {"$schema": DIALECT, **Instruction.model_json_schema(mode="serialization")}


def action_report_schema() -> dict[str, Any]:
    """Of what is told of an action: the action, and what came of it."""
    return {"$schema": DIALECT, **ActionReport.model_json_schema(mode="serialization")}


def schema_files() -> dict[str, bytes]:
    """Every published schema by the name of its file; the same bytes on any machine."""
    schemas = {
        "event.json": event_schema(),
        "alert.json": alert_schema(),
        "notice.json": notice_schema(),
        "instruction.json": instruction_schema(),
        "action_report.json": action_report_schema(),
    }
    return {
        name: (json.dumps(schema, indent=2, ensure_ascii=False) + "\n").encode() for name, schema in schemas.items()
    }


def main(arguments: list[str]) -> int:
    """Write the files into the folder named by the one argument; 2 where it is not one."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        sys.stderr.write("usage: python -m models.schema FOLDER\n")
        return 2
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in schema_files().items():
        (folder / name).write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
