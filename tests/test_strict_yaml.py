"""Strict YAML: what is read, and that every trap is an error with its line and what to do."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gateway import strict_yaml
from gateway.errors import ConfigurationError


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        strict_yaml.load_text(text, "f.yaml")
    return [f"{problem.line}: {problem.message}" for problem in caught.value.problems]


def hints(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        strict_yaml.load_text(text, "f.yaml")
    return [problem.hint for problem in caught.value.problems]


def data(text: str) -> object:
    return strict_yaml.load_text(text, "f.yaml").data


def test_reads_what_means_one_thing():
    text = """\
        text: plain text
        single: 'it''s'
        double: "a\\tb"
        yes_but_quoted: "no"
        flag: true
        other: false
        whole: 42
        zero: 0
        minus: -7
        half: 1.5
        list: [1, two, "3"]
        empty: []
        nothing: {}
        block: |
          one
          \ttwo
        10107: a numeric key
        nested: { a: { b: [ { c: d } ] } }
        """.replace("\n        ", "\n").lstrip()
    assert data(text) == {
        "text": "plain text",
        "single": "it's",
        "double": "a\tb",
        "yes_but_quoted": "no",
        "flag": True,
        "other": False,
        "whole": 42,
        "zero": 0,
        "minus": -7,
        "half": 1.5,
        "list": [1, "two", "3"],
        "empty": [],
        "nothing": {},
        "block": "one\n\ttwo\n",
        "10107": "a numeric key",
        "nested": {"a": {"b": [{"c": "d"}]}},
    }


@pytest.mark.parametrize(
    "word",
    ["no", "No", "NO", "yes", "Yes", "on", "ON", "Off", "off", "y", "N", "True", "FALSE"],
)
def test_p37_implicit_booleans_are_errors_with_their_line(word):
    assert problems(f"a: x\nb: {word}") == [f"2: some readers take `{word}` for true or false"]
    assert hints(f"b: {word}") == [f'Quote it: "{word}", or write true or false']
    assert problems(f"a: x\n{word}: b") == [f"2: some readers take `{word}` for true or false"]
    assert data(f'b: "{word}"') == {"b": word}


@pytest.mark.parametrize("word", ["0411", "0o17", "-010", "00", "+07", "0_1", "08"])
def test_p37_octals_are_errors_with_their_line(word):
    assert problems(f"a: x\nb: {word}") == [f"2: `{word}` starts with 0, so some read it as octal"]
    assert hints(f"b: {word}") == [f'Quote it: "{word}"']


@pytest.mark.parametrize(
    "word",
    [
        "12:30", "1:2:3", "190:20:30.15",  # base 60
        "2030-01-31", "2030-1-1", "2030-01-31T10:00:00Z", "2030-01-31 10:00:00",  # dates
        "~", "null", "Null", "NULL",
        "0x1F", "0b11", "1_000", "+5", "-0", "5.", ".5", "1e3", "1.5e-3", "01.5",
        ".inf", "-.Inf", ".nan", "1" * 19, "0.1234567890123456789",
        "=",
    ],
)  # fmt: skip
def test_other_values_that_readers_differ_on(word):
    assert len(problems(f"a: x\nb: {word}")) == 1
    assert problems(f"a: x\nb: {word}")[0].startswith("2: ")
    assert hints(f"b: {word}") == [f'Quote it: "{word}"']
    assert data(f'b: "{word}"') == {"b": word}


@pytest.mark.parametrize(
    "word",
    ["a:b", "12:60:x", "1.2.3.4", "10.0.0.0/8", "1.2.3", "nope", "yesterday", "e3", "a~", "-"],
)
def test_text_that_looks_like_nothing_else(word):
    assert data(f"b: {word}x") == {"b": f"{word}x"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3", "3: the key `a` stands here again; it was first on line 1"),
        ("1: x\n'1': z", "2: the key `1` stands here again; it was first on line 1"),
        ("a: { b: 1, b: 2 }", "1: the key `b` stands here again; it was first on line 1"),
        ("a:\nb: x", "1: there is no value here"),
        ("a: &x z", "1: anchors (`&…`) are not allowed"),
        ("a: *x", "1: aliases (`*x`) are not allowed"),
        ("*x : a", "1: aliases (`*x`) are not allowed"),
        ("a: !!str x", "1: tags (`!…`) are not allowed"),
        ("a: !x {}", "1: tags (`!…`) are not allowed"),
        ("a: ! x", "1: tags (`!…`) are not allowed"),
        ("<<: { a: b }", "1: the merge key `<<` is not allowed"),
        ("true: x", "1: the key `true` is not text"),
        ("[a]: x", "1: a key must be one word"),
        ("a: x\n---\nb: z", "2: a second document starts here"),
        ("a: x\n...\nb: z", "3: this is not YAML: expected `<document start>`, but found `<block mapping start>`"),
        ("%YAML 1.2\n---\na: x", "1: a %YAML or %TAG line is not allowed"),
        ("%TAG ! tag:x,2000:\n---\na: x", "1: a %YAML or %TAG line is not allowed"),
        ("", "1: the file is empty"),
        ("# a remark", "1: the file is empty"),
        ("a: b\tc", "1: this is not YAML: found character `\\t` that cannot start any token"),
        ("a:\tb", "1: this is not YAML: found character `\\t` that cannot start any token"),
        ("a:\n\tb: c", "2: this is not YAML: found character `\\t` that cannot start any token"),
        ("x: z\na: b: c", "2: this is not YAML: mapping values are not allowed here"),
        ("a: @b", "1: this is not YAML: found character `@` that cannot start any token"),
        ("a: *.b", "1: this is not YAML: expected alphabetic or numeric character, but found `.`"),
        ("a: 'b", "1: this is not YAML: found unexpected end of stream"),
        ("x: z\na: \x01", "2: the character U+0001 is not allowed in YAML"),
        ('a: "\\ud800"', "1: this text holds half of a surrogate pair"),
        ("a: " + "[" * 40, "1: this is nested deeper than 32 levels"),
        ("a\nb: c", "2: this is not YAML: mapping values are not allowed here"),
    ],
)  # fmt: skip
def test_p37_mistakes_are_told_with_their_line(text, expected):
    found = problems(text)
    assert found[0] == expected
    assert len(found) == 1 or text.startswith("*x")


def test_p37_all_mistakes_of_a_file_are_told():
    text = "a: no\na: 0411\nb:\nc: [~, 12:30]\n"
    assert [line.split(":")[0] for line in problems(text)] == ["1", "2", "2", "3", "4", "4"]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("a: *.b", "A text that starts with * wants quotes."),
        ("a: @b", "A text that starts with @ wants quotes."),
        ("a: %b", "A text that starts with % wants quotes."),
        ("\ta: b", "Use spaces instead of the tab."),
        (
            "a: b: c",
            "A text that contains a colon and a space wants quotes; else check the indent.",
        ),
        ("a: {x}", 'Write one, or "", or remove the key. {Braces} want quotes.'),
        ("x: z\nb\nc: d", "Check the indent, and that the key is followed by a colon."),
    ],
)
def test_a_mistake_comes_with_what_to_do(text, hint):
    assert hints(text) == [hint]


def test_an_alias_bomb_costs_nothing():
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40)]
    assert any("aliases" in line for line in problems("\n".join(lines)))


def test_a_file_over_the_limit(tmp_path):
    file = tmp_path / "big.yaml"
    file.write_bytes(b"# " + b"x" * strict_yaml.MAX_BYTES)
    with pytest.raises(ConfigurationError, match=r"larger than 1 MiB"):
        strict_yaml.load(file)
    with pytest.raises(ConfigurationError, match=r"larger than 1 MiB"):
        strict_yaml.load_text("x" * (strict_yaml.MAX_BYTES + 1), "f")


def test_files_that_can_not_be_read(tmp_path):
    with pytest.raises(ConfigurationError, match=r"can not be read: No such file"):
        strict_yaml.load(tmp_path / "absent.yaml")
    with pytest.raises(ConfigurationError, match=r"can not be read: Is a directory"):
        strict_yaml.load(tmp_path)
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("a: b\nc: Müller\n".encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"latin.yaml:2:5: the file is not UTF-8"):
        strict_yaml.load(latin)


def test_a_byte_order_mark_and_cr_line_ends_are_fine(tmp_path):
    file = tmp_path / "dos.yaml"
    file.write_bytes("\ufeffa: ü\r\nb: [x]\r\n".encode())
    assert strict_yaml.load(file).data == {"a": "ü", "b": ["x"]}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("é: x\nüü: no", "f.yaml:2:5"),  # counted in characters
        ("a: { b: 1, b: 2 }", "f.yaml:1:12"),
        ("a:\n  - x\n  - &y z", "f.yaml:3:5"),
        ("a: !!str 12", "f.yaml:1:4"),
        ("a: x\n\tb: x", "f.yaml:2:1"),
        ("a: x\nb: c: d", "f.yaml:2:5"),
        ("a: x\nb: \x01", "f.yaml:2:4"),
        ("a: ü\x01", "f.yaml:1:5"),
        ("a: b\n---\nc: d", "f.yaml:2:1"),
        ("a: [b", "f.yaml:1:6"),
        ('a: "\\ud800"', "f.yaml:1:4"),
    ],
)
def test_p37_a_mistake_has_its_column(text, place):
    with pytest.raises(ConfigurationError) as caught:
        strict_yaml.load_text(text, "f.yaml")
    assert caught.value.problems[0].place == place
    assert str(caught.value).startswith(place + ": ")


def test_p37_the_column_of_a_byte_that_is_no_text(tmp_path):
    file = tmp_path / "f.yaml"
    file.write_bytes("\ufeffä: öö".encode() + b"\xff\n")
    with pytest.raises(ConfigurationError) as caught:
        strict_yaml.load(file)
    assert (caught.value.problems[0].line, caught.value.problems[0].column) == (1, 6)


def test_the_place_of_a_key_and_of_its_value():
    text = 'a: { b: 1, c: "x" }\nd:\n  e\nlist: [x, { k: z }]\nblock: |\n  text\n'
    located = strict_yaml.load_text(text, "f")
    assert located.mark(("a", "b")) == (1, 9)
    assert located.mark_of_key(("a", "b")) == (1, 6)
    assert located.mark(("a",)) == (1, 1)  # more than one value: the key
    assert located.mark(("a", "absent")) == (1, 1)
    assert located.mark(("d",)) == (2, 1)  # the value stands on another line
    assert located.mark(("list", 0)) == (4, 8)
    assert located.mark(("list", 1)) == (4, 11)
    assert located.mark(("list", 1, "k")) == (4, 16)
    assert located.mark(("block",)) == (5, 8)
    assert located.mark(("a", "b", 0)) == (1, 9)  # one text that is read as a list of one
    assert located.problem_of_key(("a", "c"), "odd").place == "f:1:12"


@given(
    st.recursive(
        st.text("äb漢", min_size=1, max_size=3).map("v{}".format),
        lambda inner: (
            st.lists(inner, min_size=1, max_size=3)
            | st.dictionaries(
                st.text("kü漢", min_size=1, max_size=3).map("k{}".format),
                inner,
                min_size=1,
                max_size=3,
            )
        ),
        max_leaves=12,
    ),
    st.sampled_from([True, False, None]),
)
def test_p37_every_key_and_text_stands_where_its_mark_says(value, flow):
    text = yaml.safe_dump({"root": value}, allow_unicode=True, default_flow_style=flow, width=30)
    located = strict_yaml.load_text(text, "f")
    lines = text.splitlines()
    assert located.keys
    for place, mark in located.keys.items():
        assert lines[mark.line - 1][mark.column - 1 :].startswith(place[-1])
    for place, mark in located.values.items():
        part = located.at(place)
        if isinstance(part, str):
            assert lines[mark.line - 1][mark.column - 1 :].startswith(part)


def test_lines_of_keys_values_and_what_is_missing():
    located = strict_yaml.load_text("a:\n  b:\n    - x\n    - k: z\n  c: |\n    text\n", "f")
    assert located.line(("a", "b")) == 2
    assert located.line(("a", "b", 1)) == 4
    assert located.line(("a", "b", 1, "absent")) == 4
    assert located.line(("absent",)) == 1
    assert located.at(("a", "b", 1, "k")) == "z"
    assert str(located.problem(("a", "c"), "wrong", "do this")) == "f:5:6: wrong\n    do this"


@given(
    st.recursive(
        # YAML knows no escaped surrogate pairs.
        st.text(st.characters(max_codepoint=0xD7FF), max_size=8)
        | st.integers(-(10**15), 10**15)
        | st.booleans(),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.text(st.characters(max_codepoint=0xD7FF), max_size=8), inner, max_size=4
            )
        ),
        max_leaves=20,
    )
)
def test_json_is_read_as_json_reads_it(value):
    import json

    assert data(json.dumps({"v": value})) == {"v": value}
