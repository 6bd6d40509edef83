"""Which files make a rule set: rule files, the lists beside them, and nothing that only looks like it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import sessionwatch
from sessionwatch.errors import Fault, InputError

LISTS_FOLDER: Final = "lists"
POLICY_FILE: Final = "policy.yaml"
"""The response policy may stand at the top of a folder of rules; it is no rule and has a reader of its own."""
SUFFIXES: Final = frozenset({".yaml", ".yml"})
BYSTANDERS: Final = frozenset({"readme", "license", "notice", "changelog", "contributing", "codeowners"})
"""Names, less their suffix, of files that may stand among rules without being any. Hidden files may too."""


@dataclass(slots=True)
class RuleFiles:
    """What was found: rules, lists, policies, and what should not be there; each file once, in order of name."""

    rules: list[Path] = field(default_factory=list)
    lists: list[Path] = field(default_factory=list)
    policies: list[Path] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def bundled_rules() -> Path:
    """The folder of the rules that come with sessionwatch: in the installed package, else in the checkout.

    Raises:
        InputError: they are in neither place, so the installation is broken.
    """
    package = Path(sessionwatch.__file__).parent
    for folder in (package / "bundled" / "rules", package.parent / "rules"):
        if folder.is_dir():
            return folder
    raise InputError("the rules that come with sessionwatch are missing; install it again, or name a folder of rules")


def find_rule_files(paths: Sequence[Path]) -> RuleFiles:
    """The files that `paths`, folders or single rule files, stand for.

    Lists stand in the folder `lists` of a folder that is given, or beside it; for a single file, in its folder or the
    one above.
    """
    found = RuleFiles()
    rules: dict[Path, Path] = {}
    lists: dict[Path, Path] = {}
    for path in paths:
        if path.is_dir():
            has_rule = False
            for file in _walk(path, found.faults):
                if file == path / POLICY_FILE:
                    found.policies.append(file)
                    continue
                is_list = file.relative_to(path).parts[0] == LISTS_FOLDER
                has_rule |= not is_list and file.suffix in SUFFIXES
                _keep(file, lists if is_list else rules, found.faults)
            if not has_rule:
                found.faults.append(_fault(path, "there is no rule file in this folder", "rule files end in .yaml"))
        elif path.exists():
            _keep(path, rules, found.faults)
        else:
            found.faults.append(_fault(path, "there is no such file or folder"))
        for folder in _neighbours(path):
            for file in _walk(folder, found.faults):
                _keep(file, lists, found.faults)
    found.rules, found.lists = sorted(rules.values()), sorted(lists.values())
    found.faults = sorted(set(found.faults))
    return found


def _neighbours(path: Path) -> list[Path]:
    """Folders of lists that belong to `path` without lying in it."""
    if path.is_dir():
        near = [] if (path / LISTS_FOLDER).is_dir() else [path.parent / LISTS_FOLDER]
    else:
        near = [path.parent / LISTS_FOLDER, path.absolute().parent.parent / LISTS_FOLDER]
    return [folder for folder in near if folder.is_dir()]


def _walk(folder: Path, faults: list[Fault]) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        place = Path(error.filename or folder)
        faults.append(_fault(place, f"the folder cannot be read: {error.strerror or error}"))

    for current, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and Path(name).stem.casefold() not in BYSTANDERS:
                yield Path(current) / name


def _keep(file: Path, kept: dict[Path, Path], faults: list[Fault]) -> None:
    if file.suffix not in SUFFIXES:
        hint = "rule files end in .yaml; rename it, or move it elsewhere"
        faults.append(_fault(file, "this file would be silently left out", hint))
    elif not file.is_file():
        faults.append(_fault(file, "this is no plain file"))
    else:
        kept.setdefault(file.resolve(), file)


def _fault(path: Path, message: str, hint: str = "") -> Fault:
    return Fault(path.as_posix(), 1, 1, message, "", hint)
