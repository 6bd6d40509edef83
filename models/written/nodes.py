"""YAML with positions: every value of a file knows its line and column, and nothing is guessed.

The subset: one document, block and flow mappings and lists, scalars. Only `true` and `false` are booleans; whole
numbers and decimals are numbers; `null`, `~` and nothing are null; all other plain text is text, so that 10:00, NO and
2026-03-02 stay what they look like. Anchors, aliases, tags, merge keys and duplicate keys are faults.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import yaml

from models.written.texts import Misfit, Path, SourceText

DEPTH_MAX: Final = 32
"""Mappings and lists in each other. Deeper ones are refused before anything recurses."""

TOLD_SLOWLY_MAX: Final = 256 * 1024
"""Characters of a text whose syntax errors are told by the slow parser, which knows better where they begin."""

NUMBER_LENGTH_MAX: Final = 20
"""Characters of a number; longer ones are ids that lack their quotes."""

_WHOLE: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_DECIMAL: Final = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+")
_CONSTANTS: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None, "~": None, "": None}

_SYNTAX_HINTS: Final = {
    "'\\t'": "indent with spaces, not tabs",
    "mapping values are not allowed": "put text that has a colon in quotes, or mend the indentation",
    "end of stream": "a quote before this is not closed",
    "<stream end>": "a [ or { before this is not closed",
    "could not find expected ':'": "a line is `key: value`",
    "<block end>": "mend the indentation, or put the text in quotes",
}
"""What to do, by words of PyYAML's own message."""

# The C parser where libyaml is built in. Errors are told by the Python one, whose words do not depend on the build.
_FAST: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Node:
    """A value and where it begins (1-based). `value` is a scalar, a list of nodes, or a dict of (key, value) nodes."""

    line: int
    column: int
    value: Any

    def data(self) -> Any:
        """The plain data: None, bool, int, float, str, list, dict."""
        if isinstance(self.value, dict):
            return {name: value.data() for name, (_, value) in self.value.items()}
        if isinstance(self.value, list):
            return [node.data() for node in self.value]
        return self.value

    def find(self, path: Path, *, key: bool = False) -> Node:
        """The node at `path`, or the nearest above it that exists; with `key`, the key instead of its value.

        A step that leads nowhere is passed over, so that paths may hold more than the document (names of choices).
        """
        node, found_key = self, self
        for step in path:
            pair = node.child(step)
            if pair is not None:
                found_key, node = pair
        return found_key if key else node

    def child(self, step: str | int) -> tuple[Node, Node] | None:
        """The (key, value) of a mapping, or a list's item twice; None where there is none."""
        if isinstance(self.value, dict):
            pair: tuple[Node, Node] | None = self.value.get(step)
            return pair
        if isinstance(self.value, list) and isinstance(step, int) and 0 <= step < len(self.value):
            return self.value[step], self.value[step]
        return None


def note(source: SourceText, root: Node, misfits: Iterable[Misfit]) -> None:
    """Note `misfits`, whose paths begin at `root`, at their places in `source`."""
    for misfit in misfits:
        node = root.find(misfit.path, key=misfit.on_key)
        source.fault(node.line, node.column, misfit.message, misfit.hint)


def read_yaml(source: SourceText) -> Node | None:
    """The root mapping of `source`, faults noted there; None where there is nothing to go on with."""
    builder = _Builder(source)
    try:
        # Event by event: what nests too deep is refused before the parser, quadratic in depth, has read all of it.
        for event in yaml.parse(source.text, Loader=_FAST):
            if not builder.take(event):
                break
    except yaml.YAMLError as error:
        _note_syntax(source, error)
        return None
    return builder.result()


def _note_syntax(source: SourceText, error: yaml.YAMLError) -> None:
    if len(source.text) <= TOLD_SLOWLY_MAX:
        try:
            for _ in yaml.parse(source.text, Loader=yaml.SafeLoader):
                pass
        except yaml.YAMLError as slow_error:
            error = slow_error
    if isinstance(error, yaml.reader.ReaderError):
        line, column = source.place(error.position)
        source.fault(
            line, column, f"character U+{ord(source.text[error.position]):04X} may not stand in a file like this"
        )
        return
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    problem = str(getattr(error, "problem", None) or error)
    hint = next((hint for words, hint in _SYNTAX_HINTS.items() if words in problem), "")
    context = getattr(error, "context", None)
    said = f"{problem} ({context})" if context else problem
    source.fault(line, column, f"this is not YAML: {said}", hint)


class _Builder:
    """Turns a parser's events into nodes, without recursion, so that depth is a number and not a crash."""

    def __init__(self, source: SourceText) -> None:
        self.source = source
        self.root: Node | None = None
        self.open: list[tuple[Node, Node | None]] = []
        """The mappings and lists still open; with a mapping, the key that waits for its value."""

        self.documents = 0
        self.too_deep = False

    def take(self, event: Any) -> bool:
        """Take the parser's next event; whether more are wanted."""
        if isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                self._fault(event, "a second document begins here", "write one document a file")
        elif isinstance(event, yaml.CollectionEndEvent):
            self.open.pop()
        elif isinstance(event, yaml.NodeEvent):
            node = self._node(event)
            self._place(node, is_plain_key=isinstance(event, yaml.ScalarEvent))
            if isinstance(event, yaml.CollectionStartEvent):
                self.open.append((node, None))
                self.too_deep = len(self.open) > DEPTH_MAX
                if self.too_deep:
                    self._fault(event, f"mappings and lists nest more than {DEPTH_MAX} deep here")
        return not self.too_deep and self.documents <= 1

    def result(self) -> Node | None:
        """The root, where it is a mapping that may be gone on with."""
        if self.root is None:
            self.source.fault(1, 1, "the file is empty")
        elif not isinstance(self.root.value, dict):
            self.source.fault(self.root.line, self.root.column, "a file must be a mapping of `key: value` lines")
            return None
        return None if self.too_deep else self.root

    def _node(self, event: Any) -> Node:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        key = self.open[-1][1] if self.open else None
        if key is not None and isinstance(event, yaml.ScalarEvent) and not (event.value or event.style):
            # The parsers do not agree on where nothing begins, and its key is what a person sees.
            line, column = key.line, key.column
        if isinstance(event, yaml.AliasEvent):
            self._fault(event, f"the alias *{event.anchor} is not supported", "write the value out")
            return Node(line, column, None)
        if event.anchor is not None:
            self._fault(event, f"the anchor &{event.anchor} is not supported", "write the value out where it is needed")
        elif event.tag is not None:
            self._fault(event, f"the tag {_tag_text(event.tag)} is not supported", "leave it out; quotes make text")
        if isinstance(event, yaml.MappingStartEvent):
            return Node(line, column, {})
        if isinstance(event, yaml.SequenceStartEvent):
            return Node(line, column, [])
        return Node(line, column, self._scalar(event))

    def _scalar(self, event: Any) -> Any:
        text = str(event.value)
        waits_for_key = self.open and isinstance(self.open[-1][0].value, dict) and self.open[-1][1] is None
        if event.style or waits_for_key:
            return text
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if _WHOLE.fullmatch(text) or _DECIMAL.fullmatch(text):
            return self._number(event, text)
        return text

    def _number(self, event: Any, text: str) -> int | float:
        if len(text) > NUMBER_LENGTH_MAX or not math.isfinite(float(text)):
            self._fault(event, "this number is too long to be one", "put it in quotes if it is text")
            return 0
        return int(text) if _WHOLE.fullmatch(text) else float(text)

    def _place(self, node: Node, *, is_plain_key: bool) -> None:
        if not self.open:
            self.root = node
            return
        parent, key = self.open[-1]
        if isinstance(parent.value, list):
            parent.value.append(node)
        elif key is None:
            if not is_plain_key:
                self.source.fault(node.line, node.column, "a key must be plain text")
                node = Node(node.line, node.column, None)
            self.open[-1] = (parent, node)
        else:
            self.open[-1] = (parent, None)
            self._add(parent, key, node)

    def _add(self, parent: Node, key: Node, value: Node) -> None:
        if key.value is None:
            return
        name = str(key.value)
        if name == "<<":
            self.source.fault(key.line, key.column, "merge keys (<<) are not supported", "write the keys out")
        elif name in parent.value:
            first, _ = parent.value[name]
            message = f'the key "{name}" stands twice; the first is on line {first.line}'
            self.source.fault(key.line, key.column, message, "keep one of them")
        else:
            parent.value[name] = (key, value)

    def _fault(self, event: Any, message: str, hint: str = "") -> None:
        self.source.fault(event.start_mark.line + 1, event.start_mark.column + 1, message, hint, whole=True)


def _tag_text(tag: str) -> str:
    return "!!" + tag.removeprefix("tag:yaml.org,2002:") if tag.startswith("tag:yaml.org,2002:") else tag
