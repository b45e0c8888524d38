"""Models of strict YAML: how they are filled, and that a complaint has its line and a remedy."""

from __future__ import annotations

import enum
import ipaddress
import pathlib
from typing import Annotated, ClassVar, Literal

import pytest
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, RootModel, ValidationInfo

from gateway import strict_yaml
from gateway.errors import ConfigurationError
from gateway.yaml_model import suggest


class Colour(enum.StrEnum):
    RED = "red"
    GREEN = "green"


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    address: str
    tls: bool = False


class Other(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    host: str


def _even(value: int, info: ValidationInfo) -> int:
    if value % (info.context or {}).get("divisor", 2):
        raise ValueError("this must divide")
    return value


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    not_yet: ClassVar[frozenset[str]] = frozenset({"envelope"})

    listen: str | Inner = ""
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()
    path: pathlib.Path | None = None
    named: dict[str, Inner] = {}
    many: list[Inner] = Field(default=[], min_length=1)
    pair: tuple[str, Other] | None = None
    either: Annotated[Inner | Other | None, Field()] = None
    as_: int = Field(default=0, alias="as", ge=0)
    mode: Literal["test", "live"] = "test"
    colour: Colour = Colour.RED
    even: Annotated[int, AfterValidator(_even)] = 2
    ratio: float = 1.0
    choice: list[Inner] | str = ""
    wrapped: list[Annotated[Inner, Field()]] = []


class Root(RootModel[Annotated[dict[str, int], Field(min_length=1)]]):
    pass


def model_problems(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        strict_yaml.load_model_text(text, "f.yaml", Model)
    return [f"{problem.line}: {problem.message}" for problem in caught.value.problems]


def test_a_model_is_filled_strictly_but_from_text(tmp_path):
    file = tmp_path / "m.yaml"
    file.write_text(
        'networks: [10.0.0.0/8, "::1/128"]\npath: a/b\nnamed: { 1: { address: x } }\nas: 3\n'
        "colour: green\npair: [a, { host: h }]\neither: { host: h }\nratio: 0.5\n"
    )
    model = strict_yaml.load_model(file, Model)
    assert model.networks == (
        ipaddress.IPv4Network("10.0.0.0/8"),
        ipaddress.IPv6Network("::1/128"),
    )
    assert model.path == pathlib.Path("a/b")
    assert model.named["1"].address == "x"
    assert (model.as_, model.colour, model.pair, model.ratio) == (
        3,
        Colour.GREEN,
        ("a", Other(host="h")),
        0.5,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lisen: x", ["1: unknown key `lisen`; did you mean `listen`?"]),
        ("mode: test\nzzz: x", ["2: unknown key `zzz`"]),
        ("envelope: x", ["1: `envelope` is not available yet"]),
        (
            "listen: { adress: x }",
            [
                "1: `address` is missing in `listen`",
                "1: unknown key `adress`; did you mean `address`?",
            ],
        ),
        ("listen: 5", ["1: `listen` must be text (quote it) or a mapping"]),
        ("listen: []", ["1: `listen` must be text (quote it) or a mapping"]),
        ("named:\n  a:\n    address: 5", ["3: `address` must be text (quote it)"]),
        (
            "named:\n  a: { address: x, tsl: true }",
            ["2: unknown key `tsl`; did you mean `tls`?"],
        ),
        ("many:\n  - { address: x }\n  - {}", ["3: `address` is missing in item 2 of `many`"]),
        ("many:\n  - { address: x, tl: 1 }", ["2: unknown key `tl`; did you mean `tls`?"]),
        ("many: []", ["1: `many` must have at least 1 item"]),
        ("pair: [a, { hots: h, host: h }]", ["1: unknown key `hots`; did you mean `host`?"]),
        ("mode: tset", ["1: `mode` must be `test` or `live`; did you mean `test`?"]),
        ("colour: gren", ["1: `colour` must be `red` or `green`; did you mean `green`?"]),
        ('as: "5"', ["1: `as` must be a whole number"]),
        ("as: -1", ["1: `as` must be greater than or equal to 0"]),
        ("even: 3", ["1: this must divide"]),
        ("named: x", ["1: `named` must be a mapping"]),
        ('ratio: "1"', ["1: `ratio` must be a number"]),
        ("many: [{ address: x, tls: 1 }]", ["1: `tls` must be true or false"]),
        (
            "choice: [{ adress: x, address: x }]",
            ["1: unknown key `adress`; did you mean `address`?"],
        ),
        ("wrapped: [{ tsl: x, address: x }]", ["1: unknown key `tsl`; did you mean `tls`?"]),
        ("- x", ["1: the file must be a mapping of keys to values"]),
    ],
)
def test_p37_a_models_complaints_name_line_and_remedy(text, expected):
    assert model_problems(text) == expected


def test_an_unknown_key_far_from_all_others_lists_them():
    with pytest.raises(ConfigurationError) as caught:
        strict_yaml.load_model_text("either: { zzz: 1 }", "f", Model)
    hint = "Known keys here: host."
    assert hint in [problem.hint for problem in caught.value.problems]


def test_a_complaint_without_a_place_in_the_models_still_has_its_line():
    found = model_problems('networks: [10.0.0.0/8,\n  "::x"]')
    assert found
    assert all(line.startswith("2: ") for line in found)


def test_context_reaches_the_validators():
    text = "even: 9"
    assert strict_yaml.load_model_text(text, "f", Model, context={"divisor": 3}).even == 9


def test_no_value_is_repeated_beyond_names():
    secret = "4111111111111111"
    with pytest.raises(ConfigurationError) as caught:
        strict_yaml.load_model_text(f"as: '{secret}'\nnamed: '{secret}'", "f", Model)
    assert secret not in str(caught.value)


def test_a_complaint_about_the_file_as_a_whole():
    with pytest.raises(ConfigurationError, match="the file must have at least 1 item"):
        strict_yaml.load_model_text("{}", "f", Root)


def test_suggestions():
    assert suggest("tokenise", ["tokenize", "insert"]) == "; did you mean `tokenize`?"
    assert suggest("zzz", ["tokenize"]) == ""
