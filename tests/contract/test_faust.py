"""What is not public in Faust, aiokafka and mode is still as the lane relies on it."""

from __future__ import annotations

import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

from streams.kafka.faust_private import TOUCHED, TOUCHED_IN_CODE, parameters

PROJECT = Path(__file__).parent.parent.parent / "pyproject.toml"
METHODS = [(owner, name, wanted) for owner, names in TOUCHED.items() for name, wanted in names.items()]
IN_CODE = [
    (owner, method, name) for owner, of in TOUCHED_IN_CODE.items() for method, all_ in of.items() for name in all_
]


@pytest.mark.parametrize(("owner", "name", "wanted"), METHODS, ids=lambda one: getattr(one, "__name__", str(one)))
def test_methods_take_what_they_took(owner: type, name: str, wanted: str) -> None:
    """A method that is overridden or called is there, with the same parameters."""
    assert parameters(getattr(owner, name)) == wanted


@pytest.mark.parametrize(("owner", "method", "name"), IN_CODE, ids=lambda one: getattr(one, "__name__", str(one)))
def test_names_are_still_used_where_they_were(owner: type, method: str, name: str) -> None:
    """An attribute that is read or set by us is one that their code still reads or sets, in the same place."""
    code = getattr(owner, method).__code__
    assert name in {*code.co_names, *code.co_consts, *code.co_varnames}


@pytest.mark.parametrize("library", ["faust-streaming", "aiokafka", "mode-streaming"])
def test_versions_are_pinned_and_installed(library: str) -> None:
    """Another version is another contract."""
    extra = tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"]["live"]
    assert f"{library}=={version(library)}" in extra
