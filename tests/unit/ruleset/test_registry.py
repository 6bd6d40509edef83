"""Which detectors there are: one file each, or one entry point each, and no two of one name."""

from __future__ import annotations

import sys
import types
from importlib.metadata import EntryPoint
from typing import Any

import pytest

import detectors
from detectors import registry
from detectors.detector import Detector
from detectors.registry import by_kind, defined_in, detector_kinds, plugin_detectors
from sessionwatch.errors import DetectorError
from tests.unit.ruleset.small import Counting, Needing


def point(name: str, value: str) -> EntryPoint:
    """An entry point as an installed plugin has it."""
    return EntryPoint(name=name, value=value, group=registry.PLUGINS)


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A module that a plugin might install."""
    module = types.ModuleType("some_plugin")
    module.Counting = Counting
    module.number = 3
    module.Unfinished = Detector
    monkeypatch.setitem(sys.modules, "some_plugin", module)
    return module


def test_every_module_of_the_package_is_asked() -> None:
    """Adding a detector is adding a file: what is in it is found, in the order of kinds."""
    kinds = detector_kinds()
    assert list(kinds) == sorted(kinds)
    assert {"impossible_travel", "threshold", "new_value"} <= set(kinds)
    assert all(cls.kind == kind for kind, cls in kinds.items())


def test_a_new_file_is_a_new_detector(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else needs to be changed."""
    code = "from tests.unit.ruleset.small import Counting\nclass Newest(Counting):\n    kind = 'newest'\n"
    (tmp_path / "newest_kind.py").write_text(code)
    monkeypatch.setattr(detectors, "__path__", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "detectors.newest_kind", raising=False)
    assert [cls.kind for cls in registry.own_detectors()] == ["newest"]
    (tmp_path / "broken_kind.py").write_text("import no_such_module_at_all\n")
    with pytest.raises(
        DetectorError, match=r"^detector module detectors\.broken_kind cannot be imported: ModuleNotFound"
    ):
        list(registry.own_detectors())
    monkeypatch.delitem(sys.modules, "detectors.newest_kind")


def test_only_what_a_module_defines_itself_is_its_own(plugin: types.ModuleType) -> None:
    """Importing a detector to build on it does not announce it twice, and abstract ones are none."""
    assert defined_in(plugin) == []
    assert defined_in(sys.modules[Counting.__module__]) == [Counting, Needing]


@pytest.mark.usefixtures("plugin")
def test_a_plugin_is_found_by_its_entry_point() -> None:
    """A distribution of its own adds a detector without a change here."""
    ((origin, cls),) = plugin_detectors([point("counting", "some_plugin:Counting")])
    assert (origin, cls) == ("plugin counting (some_plugin:Counting)", Counting)


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("no_such_module:X", "cannot be loaded: ModuleNotFoundError: No module named 'no_such_module'; repair or"),
        ("some_plugin:Missing", "cannot be loaded: AttributeError"),
        ("some_plugin:number", "is no Detector: its entry point must name a subclass of Detector"),
        ("some_plugin", "is no Detector"),
        ("some_plugin:Unfinished", "is an unfinished detector: it does not define judge, learn, sentence"),
    ],
)
def test_a_broken_plugin_is_named(value: str, said: str) -> None:
    """It is never skipped: a rule that needs it would be refused for the wrong reason."""
    with pytest.raises(DetectorError) as caught:
        plugin_detectors([point("mine", value)])
    assert str(caught.value).startswith(f"plugin mine ({value}) {said}")


def variant(**attributes: Any) -> type[Counting]:
    """A subclass of the small detector with other class attributes."""
    return type("Variant", (Counting,), attributes)


def test_two_detectors_of_one_kind_are_refused() -> None:
    """A rule must not change its meaning by what else is installed; one class met twice is one."""
    with pytest.raises(DetectorError) as caught:
        by_kind([("counting.py", Counting), ("plugin x", variant())])
    assert str(caught.value) == 'two detectors call themselves "counting": counting.py and plugin x; rename one'
    assert by_kind([("here", Counting), ("there", Counting)]) == {"counting": Counting}


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"kind": "Not Snake"}, "x needs `kind`, a snake_case word for rule files, and has 'Not Snake'"),
        ({"kind": None}, "x needs `kind`, a snake_case word for rule files, and has None"),
        ({"Params": int}, "x needs `Params`, a subclass of DetectorParams, and has <class 'int'>"),
        ({"State": None}, "x needs `State`, a subclass of DetectorState, and has None"),
        ({"Evidence": dict}, "x needs `Evidence`, a subclass of DetectorEvidence, and has <class 'dict'>"),
        ({"subjects": {"user"}}, "x needs `subjects` to be a frozenset"),
    ],
)
def test_a_class_that_breaks_the_contract_is_named(attributes: dict[str, Any], said: str) -> None:
    """What can be seen without running it is seen when it is found."""
    with pytest.raises(DetectorError) as caught:
        by_kind([("x", variant(**attributes))])
    assert str(caught.value) == said


def test_state_must_start_empty_and_go_to_bytes() -> None:
    """The engine starts every subject with it, and keeps it as bytes."""

    class Full(Counting.State, kw_only=True):
        must: int

    with pytest.raises(DetectorError, match=r"^x has a `State` that cannot start empty and go to bytes: TypeError"):
        by_kind([("x", variant(State=Full))])
