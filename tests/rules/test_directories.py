"""Directories of packs: which files count, what is in force, what ties."""

from __future__ import annotations

import pytest

from gateway.errors import ConfigurationError
from gateway.rules.load import load_every_pack, read_texts
from tests.rules.packs import BOOKINGSYNC, PACKS, PUSH, SITEMINDER, errors, rules


def test_the_packs_that_are_shipped_load_together():
    loaded = rules(
        PACKS,
        variables={"pms": "http://pms.example"},
        callers={"channel-manager", "siteminder-push"},
        drafts=["octorate"],
    )
    assert [pack.system for pack in loaded.packs] == [
        "adyen", "authorize-net", "booking-com", "bookingsync", "braintree", "channelconnect", "channex",
        "checkout-com", "expedia-eqc", "expedia-rapid", "hostaway", "octorate", "paycomet", "redsys",
        "sandbox", "siteminder-push", "siteminder", "stripe", "worldpay",
    ]  # fmt: skip
    assert len(loaded.routes) == sum(len(pack.routes) for pack in loaded.packs)


def test_a_pack_that_is_not_in_force_needs_nothing_of_gateway_yaml(tmp_path):
    (tmp_path / "push.yaml").write_text(PUSH)
    (tmp_path / "siteminder.yaml").write_text(SITEMINDER)
    loaded = rules(tmp_path, enabled=["siteminder"])
    assert [pack.system for pack in loaded.packs] == ["siteminder"]
    assert [pack.system for pack in load_every_pack(tmp_path).packs] == ["push", "siteminder"]
    assert errors(tmp_path) == [
        f"{tmp_path}/push.yaml:8:14: `{{pms}}` is not among the variables of gateway.yaml (there: none)",
        f"{tmp_path}/push.yaml:9:11: `channel` is no caller of gateway.yaml\n    There: none.",
        f"{tmp_path}/push.yaml:10:14: `seaside` is no product of gateway.yaml\n    There: none.",
    ]


def test_a_draft_is_refused_unless_it_is_enabled(tmp_path):
    (tmp_path / "a.yaml").write_text(BOOKINGSYNC.replace("about:", "draft: true\nabout:"))
    (tmp_path / "b.yaml").write_text(SITEMINDER)
    assert [pack.system for pack in rules(tmp_path).packs] == ["siteminder"]
    assert errors(tmp_path, enabled=["bookingsync"]) == [
        (
            f"{tmp_path}: the pack `bookingsync` is a draft: its format is not certain\n"
            "    To use it nevertheless, name it under `drafts:` in gateway.yaml."
        )
    ]
    (tmp_path / "a.yaml").write_text(
        BOOKINGSYNC.replace("about:", "draft: the month is a guess\nabout:")
    )
    assert [pack.system for pack in rules(tmp_path).packs] == ["siteminder"]
    (told,) = errors(tmp_path, enabled=["bookingsync"])
    assert told.startswith(f"{tmp_path}: the pack `bookingsync` is a draft: the month is a guess\n")
    loaded = rules(tmp_path, drafts=["bookingsync"])
    assert [pack.system for pack in loaded.packs] == ["bookingsync", "siteminder"]
    only = rules(tmp_path, enabled=["bookingsync"], drafts=["bookingsync"])
    assert [pack.system for pack in only.packs] == ["bookingsync"]


def test_packs_that_are_named_must_be_there(tmp_path):
    (tmp_path / "b.yaml").write_text(SITEMINDER)
    assert errors(tmp_path, enabled=["siteminer"], drafts=["stripe"]) == [
        (
            f"{tmp_path}: there is no pack `siteminer`, which `packs:` in gateway.yaml names"
            "; did you mean `siteminder`?"
        ),
        f"{tmp_path}: there is no pack `stripe`, which `drafts:` in gateway.yaml names",
    ]


def test_p37_the_mistakes_of_all_files_are_told(tmp_path):
    (tmp_path / "a.yaml").write_text("system: no\n")
    (tmp_path / "b.yaml").write_text(SITEMINDER.replace("format: xml", "format: xlm"))
    assert errors(tmp_path) == [
        (
            f"{tmp_path}/a.yaml:1:9: some readers take `no` for true or false\n"
            '    Quote it: "no", or write true or false'
        ),
        f"{tmp_path}/b.yaml:6:13: `format` must be `xml`, `json`, `form`, `multipart` or `text`; did you mean `xml`?",
    ]
    with pytest.raises(ConfigurationError):
        load_every_pack(tmp_path)


def test_every_pack_is_compiled_for_looking_at_it_too(tmp_path):
    (tmp_path / "b.yaml").write_text(SITEMINDER.replace("tokenize: ota", "tokenize: oat"))
    with pytest.raises(ConfigurationError, match="unknown shape `oat`"):
        load_every_pack(tmp_path)


def test_one_system_in_two_files(tmp_path):
    (tmp_path / "a.yaml").write_text(SITEMINDER)
    (tmp_path / "b.yaml").write_text(SITEMINDER.replace("/pmsxchangev2/", "/other/"))
    assert errors(tmp_path) == [
        f"{tmp_path}/b.yaml:1: the system `siteminder` is already in {tmp_path}/a.yaml"
    ]


@pytest.mark.parametrize(
    ("one", "other", "tie"),
    [
        ("to: https://x.example/a/**", "to: https://x.example/a/**", True),
        ("to: https://x.example/a/**", "to: https://x.example/a/*/c", True),
        ("to: https://x.example/a/*/c", "to: https://x.example/a/*/d", False),
        ("to: https://x.example/a/*", "to: https://x.example/a/", False),
        ("to: https://x.example/a/**", "to: https://x.example/a/", False),  # no star says more
        ("to: https://x.example/a/**", "to: https://x.example/a/b/**", False),
        ("to: https://x.example/a/**", "to: https://x.example:444/a/**", False),
        ("to: https://x.example/a/**", "to: https://*.example.x/a/**", False),
        ("to: https://x.example/a/**", "to: https://X.example./a/**", True),
        ("to: https://x.example/a/b", "to: https://x.example/a/b/c", False),
        ("to: https://x.example/a/*/*", "to: https://x.example/a/*", False),
        (
            "at: /a/**\n    forward: https://x.example/**",
            "at: /a/**\n    forward: https://z.example/**",
            True,
        ),
        ("at: /a/**\n    forward: https://x.example/**", "to: https://x.example/a/**", False),
    ],
)
def test_ties_across_packs_name_both_lines(tmp_path, one, other, tie):
    for name, where in (("a", one), ("b", other)):
        text = f"system: {name}\nabout: x\nroutes:\n  - name: r\n    {where}\n    methods: [GET]\n"
        (tmp_path / f"{name}.yaml").write_text(text)
    if not tie:
        assert len(rules(tmp_path).routes) == 2
        return
    (told,) = errors(tmp_path)
    assert told.startswith(
        f"{tmp_path}/b.yaml:4:5: route `b/r` ties with `a/r` at {tmp_path}/a.yaml:4"
    )


def test_other_methods_do_not_tie(tmp_path):
    for name, method in (("a", "GET"), ("b", "POST")):
        text = f"system: {name}\nabout: x\nroutes:\n  - {{ name: r, to: https://x.example/a, methods: [{method}] }}\n"
        (tmp_path / f"{name}.yaml").write_text(text)
    assert len(rules(tmp_path).routes) == 2


def test_which_files_are_packs(tmp_path):
    (tmp_path / "a.yaml").write_text(SITEMINDER)
    for other in (".a.yaml.swp", ".hidden.yaml", "#a.yaml#", "README.md", "a.yaml~"):
        (tmp_path / other).write_text("not a pack")
    assert list(read_texts(tmp_path)) == [str(tmp_path / "a.yaml")]
    (tmp_path / "b.yml").write_text("")
    assert errors(tmp_path) == [f"{tmp_path}/b.yml: a pack's name must end in .yaml"]


def test_a_directory_that_is_not_there_and_a_file_that_can_not_be_read(tmp_path):
    assert errors(tmp_path / "absent")[0].endswith("can not be read: No such file or directory")
    (tmp_path / "a.yaml").mkdir()
    assert errors(tmp_path)[0].endswith("can not be read: Is a directory")
