"""YAML as the settings files need it: a key that stands twice is refused, and every key has its line.

Plain YAML loaders take the last of two equal keys without a word; in a file of limits that is a
limit nobody sees. Neighbours: `edge_runtime.config` and `edge_runtime.catalogue` read with it,
`edge_runtime.recipe_check` uses the line numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import yaml

Place = tuple[str | int, ...]
#: Longer texts are refused unread, and so is a text whose aliases unfold to more keys and values: a page of
#: text can hold nine lists of nine times the list before, and whoever walks through that never comes back.
MAX_CHARACTERS = 400_000
MAX_VALUES = 200_000


class DuplicateKeyError(yaml.YAMLError):
    """Keys that stand twice in one mapping. `places`: line (from 1) and dotted name of each second one."""

    def __init__(self, places: tuple[tuple[int, str], ...]) -> None:
        self.places = places
        told = ", ".join(f"'{name}' in line {line}" for line, name in places)
        super().__init__(f"a key stands twice: {told}")


@dataclass(frozen=True, slots=True)
class Document:
    """What a text holds, the line (from 1) of every key and list item, and keys that stand twice."""

    data: object
    lines: dict[Place, int] = field(default_factory=dict)
    duplicates: tuple[tuple[int, str], ...] = ()

    def line(self, place: Place) -> int | None:
        """Line of a key, or of the nearest key above it that the text has; None: of none."""
        for length in range(len(place), 0, -1):
            if place[:length] in self.lines:
                return self.lines[place[:length]]
        return None


def load(text: str) -> object:
    """The data of one YAML document.

    Raises:
        yaml.YAMLError: not YAML, more than one document, or a key that stands twice.
    """
    document = read(text)
    if document.duplicates:
        raise DuplicateKeyError(document.duplicates)
    return document.data


def read(text: str) -> Document:
    """The data of one YAML document with its line numbers; keys that stand twice are listed, not refused.

    Raises:
        yaml.YAMLError: not YAML, more than one document, or too much (`MAX_CHARACTERS`, `MAX_VALUES`).
    """
    if len(text) > MAX_CHARACTERS:
        raise yaml.YAMLError(f"the text has more than {MAX_CHARACTERS} characters")
    try:
        loader = yaml.SafeLoader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return Document(None)
            lines: dict[Place, int] = {}
            duplicates: list[tuple[int, str]] = []
            _walk(node, (), lines, duplicates, (), [MAX_VALUES])
            return Document(loader.construct_document(node), lines, tuple(duplicates))
        finally:
            loader.dispose()
    except (ValueError, RecursionError) as error:
        # Numbers and dates that cannot be, and mappings thousands deep, leave PyYAML as they are.
        raise yaml.YAMLError(f"a value cannot be read: {error}") from error


def _walk(
    node: yaml.Node,
    place: Place,
    lines: dict[Place, int],
    duplicates: list[tuple[int, str]],
    above: tuple[int, ...],
    left: list[int],
) -> None:
    """Note the line of everything below `node`; anchors that hold themselves are refused.

    `left` holds how many more nodes may be visited.
    """
    left[0] -= 1
    if left[0] < 0:
        raise yaml.YAMLError(f"more than {MAX_VALUES} values, with all aliases unfolded")
    if id(node) in above:
        raise yaml.YAMLError(f"an alias holds itself, in line {node.start_mark.line + 1}")
    above = (*above, id(node))
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else "?"
            own = (*place, name)
            line = key.start_mark.line + 1
            if name in seen:
                duplicates.append((line, ".".join(str(part) for part in own)))
            seen.add(name)
            lines.setdefault(own, line)
            _walk(value, own, lines, duplicates, above, left)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            lines.setdefault((*place, index), value.start_mark.line + 1)
            _walk(value, (*place, index), lines, duplicates, above, left)
