"""YAML that other tools wrote, read without a meaning of its own: every scalar is a text.

Our own packs and gateway.yaml are read by `strict_yaml.py`; this is for recordings. No tag makes an object, no
number is read as one; what stands as base64 (`!binary`) is bytes, and `null` is None.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import yaml

_NULL: Final = re.compile(r"^(?:~|null|Null|NULL|)$")


class NotYaml(Exception):
    """The text is no YAML. `line` is where, as far as that is known; no text of it is kept."""

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line


class _Texts(yaml.BaseLoader):
    """Texts, but for what stands as base64, and nothing."""


class _Plain(_Texts):
    """As these, without names that stand for others: what they say could be far more than the file."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "an alias", None)
        return super().compose_node(parent, index)


def _binary(_: yaml.BaseLoader, node: yaml.Node) -> bytes:
    if not isinstance(node, yaml.ScalarNode):
        raise yaml.constructor.ConstructorError(None, None, "not a scalar", node.start_mark)
    return base64.b64decode("".join(node.value.split()))


_Texts.add_constructor("!binary", _binary)
_Texts.add_constructor("tag:yaml.org,2002:binary", _binary)
_Texts.add_implicit_resolver("tag:yaml.org,2002:null", _NULL, ["~", "n", "N", ""])
_Texts.add_constructor("tag:yaml.org,2002:null", lambda _, __: None)


def whole(raw: bytes) -> Any:
    """What a document says, in which no name stands for another. Raises NotYaml."""
    try:
        return yaml.load(raw, _Plain)  # noqa: S506 - texts alone: no tag makes an object
    except (ValueError, yaml.YAMLError, RecursionError):
        raise NotYaml(1) from None


def items(raw: bytes, names: Sequence[str]) -> Iterator[tuple[int, Any]]:
    """The items of a document that is a list, or of the list that stands in it by the first of `names`; each
    with the line that it begins in. Raises NotYaml."""
    try:
        yield from _items(raw, names)
    except yaml.MarkedYAMLError as error:
        raise NotYaml(error.problem_mark.line + 1 if error.problem_mark else 1) from None
    except (ValueError, yaml.YAMLError, RecursionError):
        raise NotYaml(1) from None


def _items(raw: bytes, names: Sequence[str]) -> Iterator[tuple[int, Any]]:
    loader = _Texts(raw)
    try:
        node = loader.get_single_node()
        if isinstance(node, yaml.MappingNode):
            named = {key.value: value for key, value in node.value if isinstance(key.value, str)}
            node = next((named[name] for name in names if name in named), None)
        for one in node.value if isinstance(node, yaml.SequenceNode) else ():
            yield one.start_mark.line + 1, loader.construct_object(one, deep=True)
    finally:
        loader.dispose()
