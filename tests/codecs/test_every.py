"""Nodes of any name, `/*` and `.*`: what ElementTree and json find by walking."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs import open_document
from gateway.codecs.document import Set
from gateway.codecs.paths import parse_path
from gateway.errors import MessageForbidden

NAMES = st.sampled_from(["a", "b", "p:c"])
TREES = st.recursive(
    st.just(("b", ())), lambda inner: st.tuples(NAMES, st.lists(inner, max_size=3)), max_leaves=12
)
VALUES = st.recursive(
    st.integers(0, 9) | st.text("ab", max_size=2),
    lambda inner: (
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3) | st.lists(inner, max_size=3)
    ),
    max_leaves=12,
)


def xml(tree):
    name, children = tree
    return f"<{name}> <!-- x --><?y z?>{''.join(map(xml, children))}</{name}>"


@given(st.lists(TREES, max_size=3))
def test_every_child_is_found_once_in_order(trees):
    body = f'<r xmlns:p="urn:p" xmlns="urn:d">{"".join(map(xml, trees))}</r>'.encode()
    numbered = body.replace(b"<?y z?>", b"")
    root = ET.fromstring(numbered)
    wanted = [child for element in root.iter() if element.tag.endswith("}a") for child in element]
    in_order = [element for element in root.iter() if element in wanted]
    document = open_document("xml", body)
    found = document.select(parse_path("//a/*", "xml"))
    assert [place.element.tag for place in found] == [element.tag for element in in_order]
    assert len(set(found)) == len(found)


@given(VALUES)
def test_every_member_of_an_object_is_found_and_no_item_of_a_list(value):
    body = json.dumps({"x": value}).encode()
    document = open_document("json", body)
    found = document.select(parse_path("$.x.*", "json"))
    assert len(found) == (len(value) if isinstance(value, dict) else 0)
    texts = [node for node in found if node in document.instead(node)]
    changed = json.loads(document.splice([Set(node, "new") for node in texts]).body)["x"]
    if isinstance(value, dict):
        assert changed == {
            name: "new" if isinstance(one, str | int) else one for name, one in value.items()
        }


def test_p13_a_name_that_stands_twice_in_such_an_object_is_refused():
    document = open_document("json", b'{"x": {"a": 1, "a": 2}}')
    with pytest.raises(MessageForbidden):
        document.select(parse_path("$.x.*", "json"))
