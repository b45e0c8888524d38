"""The JSON Schema of packs says what the loader says, as far as it can, and never more."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import jsonschema_rs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from gateway import strict_yaml
from gateway.cli.rules import app
from gateway.errors import ConfigurationError
from gateway.rules.json_schema import json_schema
from gateway.rules.key_texts import TEXTS
from gateway.rules.load import load_pack_text
from gateway.rules.schema import PackEntry
from tests.rules import packs
from tests.rules.test_mistakes import AROUND, CORPUS
from tests.rules.test_rules_docs import SNIPPETS

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "rules").glob("*.yaml"))
FILE = ROOT / "docs" / "rules.schema.json"
SCHEMA = jsonschema_rs.Draft202012Validator(json_schema())
RIGHT = [
    *SNIPPETS,
    *(file.read_text(encoding="utf-8") for file in SHIPPED),
    *(
        text
        for text in vars(packs).values()
        if isinstance(text, str) and text.startswith("system:")
    ),
]


def data(text):
    return strict_yaml.load_text(text, "p.yaml").data


def said(text):
    return [
        f"{list(error.instance_path)}: {error.message}" for error in SCHEMA.iter_errors(data(text))
    ]


def test_the_file_in_docs_is_what_the_command_prints():
    printed = CliRunner().invoke(app, ["schema"]).output
    assert FILE.read_text(encoding="utf-8") == printed, (
        "renew it: card-gateway rules schema > docs/rules.schema.json"
    )


def test_it_is_a_schema():
    assert jsonschema_rs.meta.is_valid(json.loads(FILE.read_text(encoding="utf-8")))
    assert len(RIGHT) > 35


@pytest.mark.parametrize("number", range(len(RIGHT)))
def test_every_pack_that_loads_is_valid(number):
    assert said(RIGHT[number]) == []


@pytest.mark.parametrize("file", sorted(CORPUS.glob("*.yaml")), ids=lambda file: file.stem)
def test_what_the_models_refuse_the_schema_refuses(file):
    try:
        located = strict_yaml.load_text(file.read_text(encoding="utf-8"), file.name)
    except ConfigurationError:
        return  # not to be read, by whatever schema
    try:
        strict_yaml.check_model(located, PackEntry)
    except ConfigurationError:
        assert not SCHEMA.is_valid(located.data)


def test_a_good_part_of_what_only_the_compiler_refuses_is_refused_too():
    refused, read = set(), set()
    for file in CORPUS.glob("*.yaml"):
        try:
            found = data(file.read_text(encoding="utf-8"))
        except ConfigurationError:
            continue
        read.add(file.stem)
        if not SCHEMA.is_valid(found):
            refused.add(file.stem)
    assert len(refused) > 0.45 * len(read)
    assert refused >= {
        "to-http", "to-dots", "to-double-star-inside", "to-query", "to-user", "to-without-path",
        "at-without-slash", "detokenize-an-answer", "form-with-booking", "header-on-request",
        "insert-without-tokenize", "keep-unknown", "month-spelling", "spelling-unknown",
        "tokenize-and-detokenize", "exchange-post-a-url", "exchange-without-issuer", "auth-with-to",
    }  # fmt: skip


def places(part, place=()):
    """Every place of a pack's data, the outermost first."""
    yield place
    inner = (
        part.items()
        if isinstance(part, dict)
        else enumerate(part)
        if isinstance(part, list)
        else ()
    )
    for key, value in inner:
        yield from places(value, (*place, key))


def changed(pack, place, change):
    """`pack` with one place removed, exchanged, or made a list of one."""
    made = copy.deepcopy(pack)
    part = made
    for step in place[:-1]:
        part = part[step]
    kind, value = change
    if kind == "remove":
        del part[place[-1]]
    elif kind == "wrap":
        part[place[-1]] = [part[place[-1]]]
    elif kind == "add" and isinstance(part[place[-1]], dict):
        part[place[-1]][value[0]] = value[1]
    else:
        part[place[-1]] = copy.deepcopy(value)
    return made


DATA = [data(text) for text in RIGHT]
KEYS = sorted(
    {step for pack in DATA for place in places(pack) for step in place if isinstance(step, str)}
)
VALUES = [
    "", "x", "a b", "$", ".", "//a/b", "@c", "key", "GET", "json", "form", "MM", "MM/YY", "refuse", "body",
    "https://a.example/b", "https://*.a.example/**", "http://a.example/b", "/v1/*", "{x}/v1/**",
    True, False, 0, 1, -1, 1.5, [], {}, [[]], ["a", "a"], {"at": "a"}, {"at": ["a", "b"], "as": "MM/YY"},
]  # fmt: skip


@st.composite
def nearly_packs(draw):
    pack = draw(st.sampled_from(DATA))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(list(places(pack))[1:]))
        word = st.sampled_from(VALUES)
        pack = changed(
            pack,
            place,
            draw(
                st.just(("remove", None))
                | st.just(("wrap", None))
                | st.tuples(st.just("set"), word)
                | st.tuples(st.just("add"), st.tuples(st.sampled_from(KEYS), word))
            ),
        )
    return pack


@settings(max_examples=400)
@given(nearly_packs())
@example({"system": "a", "about": "b", "routes": [], "draft": "x"})
def test_p37_the_schema_is_never_stricter_than_the_loader_and_as_strict_as_the_models(pack):
    text = json.dumps(pack)
    try:
        located = strict_yaml.load_text(text, "p.yaml")
    except ConfigurationError:
        return  # an empty key, say
    try:
        strict_yaml.check_model(located, PackEntry)
    except ConfigurationError:
        assert not SCHEMA.is_valid(located.data)
        return
    try:
        load_pack_text(text, "p.yaml", AROUND)
    except ConfigurationError:
        return  # the schema may see that, or not
    assert said(text) == []


def models(part):
    """Each place of the schema that has keys: its title, and them."""
    if isinstance(part, dict):
        if "title" in part and "properties" in part:
            yield part["title"], part["properties"]
        for inner in part.values():
            yield from models(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from models(inner)


def test_an_editor_tells_of_every_key_what_it_is():
    told = {}
    for title, keys in models(json_schema()):
        said = {name: key.get("description", "") for name, key in keys.items()}
        assert told.setdefault(title, said) == said
    told[""] = told.pop("card-gateway pack")
    assert told == {name: dict(texts) for name, texts in TEXTS.items()}
    for text in (text for texts in TEXTS.values() for text in texts.values()):
        assert text[-1] == "."
        assert len(text) < 120
