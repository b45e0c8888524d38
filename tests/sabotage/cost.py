"""Breakages of what is saved: the gate that tells messages without a card by their names."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

GATE = "gateway/stages/gate.py"
TEST = "tests/stages/test_gate.py"
ORDINARY = f"{TEST}::test_p12_p13_p14_what_holds_something_or_is_refused_goes_the_ordinary_way"
NO_GATE = f"{TEST}::test_a_rule_that_is_not_all_names_has_no_gate"

BREAKAGES = (
    Breakage(
        "miss a card's name in UTF-16",
        "P12",
        GATE,
        "    if body.startswith(_WIDE) or (",
        "    if (",
        (f"{TEST}::test_p12_a_name_in_another_encoding_is_not_missed",),
    ),
    Breakage(
        "let XML by unparsed where it names no card",
        "P12",
        GATE,
        "    return reads_as_xml(body, doctype=known.doctype)\n",
        "    return reads_as_xml(body, doctype=known.doctype) or True\n",
        (ORDINARY,),
    ),
    Breakage(
        "miss a card's name whose letters are escaped",
        "P13",
        GATE,
        '    if b"\\\\" in body and _ESCAPED.search(body):\n',
        '    if b"\\\\\\\\" in body and _ESCAPED.search(body):\n',
        (ORDINARY,),
    ),
    Breakage(
        "let what is no JSON by where it names no card",
        "P13",
        GATE,
        "    except ValueError:\n        return False\n",
        "    except ValueError:\n        return True\n",
        (ORDINARY,),
    ),
    Breakage(
        "let a name stand twice on the way to a card that is not there",
        "P13",
        GATE,
        "        if count > 1 and count != len(level):\n",
        "        if count > 9 and count != len(level):\n",
        (ORDINARY,),
    ),
    Breakage(
        "take as many levels as a faster parser does",
        "P13",
        GATE,
        '    if body.count(b"{") + body.count(b"[") <= MAX_DEPTH:\n',
        '    if body.count(b"{") + body.count(b"[") >= 0:\n',
        (f"{TEST}::test_p13_as_many_levels_as_the_codec_takes",),
    ),
    Breakage(
        "take a list of any length",
        "P13",
        GATE,
        'body.count(b",") >= _FEW:',
        'body.count(b",") >= len(body):',
        (f"{TEST}::test_p13_a_list_longer_than_the_codec_takes",),
    ),
    Breakage(
        "miss a card that stands in the place of its object",
        "P03",
        GATE,
        "    return all(type(one) is dict for one in level)\n",
        "    return True\n",
        (ORDINARY,),
    ),
    Breakage(
        "miss a field whose name is escaped",
        "P14",
        GATE,
        'not body.isascii() or b"%" in names or ',
        "not body.isascii() or ",
        (ORDINARY,),
    ),
    Breakage(
        "miss a card in the place of an object of that name elsewhere",
        "P03",
        GATE,
        '        if body.count(b\'"%b"\' % step.name.encode()) != len(level):\n',
        '        if body.count(b\'"%b"\' % step.name.encode()) < len(level):\n',
        (ORDINARY,),
    ),
    Breakage(
        "let bookings by that stand in one another",
        "P12",
        GATE,
        " or (gate.nesting is not None and _may_nest(gate.nesting, body)):",
        " or (gate.nesting is not None and not body):",
        (ORDINARY,),
    ),
    Breakage(
        "miss a clear code where no number stands",
        "P03",
        GATE,
        "    yield from shape.cvc.places if shape.cvc is not None else ()\n",
        "    yield from ()\n",
        (ORDINARY,),
    ),
    Breakage(
        "miss a card in an envelope",
        "P03",
        GATE,
        "any(_says_more(shape, _MORE_OF_A_CARD) for shape in shapes)",
        "any(_says_more(shape, ()) for shape in shapes)",
        (NO_GATE,),
    ),
    Breakage(
        "let by what a condition's text would refuse",
        "P12",
        GATE,
        "    return not below and not any(step.named for step in steps)\n",
        "    return not below\n",
        (NO_GATE,),
    ),
    Breakage(
        "take a path that the gate does not know for names",
        "P03",
        GATE,
        "    if not all(step.axis in _AXES for step in steps):\n",
        "    if not all(step.axis in _AXES or step.name is None for step in steps):\n",
        (NO_GATE,),
    ),
    Breakage(
        "keep a message's short strings for the next one",
        "P16",
        GATE,
        'cache_strings="none")',
        'cache_strings="all")',
        (f"{TEST}::test_p16_no_string_of_a_message_is_kept_by_the_parser",),
    ),
    Breakage(
        "believe the tags in a processing instruction",
        "P13",
        "gateway/stages/gate.py",
        ' or b"<?" in body[_DECLARED:]',
        "",
        ("tests/stages/test_gate.py",),
    ),
)  # fmt: skip
