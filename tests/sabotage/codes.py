"""P03, P11, P21: security codes, wherever a message has them."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

CODES = "tests/stages/test_without_codes.py"
BESIDE = "tests/stages/test_codes_beside.py"
OWN_CARDS = "tests/e2e/test_own_cards.py"

BREAKAGES = (
    Breakage(
        "know the security code of a push by fewer names",
        "P21",
        "gateway/stages/without_codes.py",
        '"cardCvv2", "cardCvc2", "card_cvv2"',
        '"card_cvv2"',
        (f"{CODES}::test_p21_of_a_push_no_code_is_left_by_its_usual_names",),
    ),
    Breakage(
        "take an attribute's digits for all that an element has",
        "P21",
        "gateway/stages/without_codes.py",
        "    if opens and code.end() <= closes and",
        "    if opens and closes < 0 and",
        (f"{CODES}::test_p21_of_a_push_no_code_is_left_by_its_usual_names",),
    ),
    Breakage(
        "look for an echoed security code in UTF-8 alone",
        "P03",
        "gateway/stages/without_codes.py",
        'for alike in _READINGS if b"\\0" in body else ():',
        "for alike in _READINGS[:0]:",
        (f"{CODES}::test_p03_a_code_is_blanked_in_every_encoding",),
    ),
    Breakage(
        "believe that a text in UTF-16 begins where its message does",
        "P03",
        "gateway/stages/without_codes.py",
        '(("utf-16-be", 0), ("utf-16-le", 1)),',
        '(("utf-16-be", 0),),',
        (f"{CODES}::test_p03_a_code_is_blanked_wherever_its_text_begins",),
    ),
    Breakage(
        "take a zero byte for a text in which no code is",
        "P21",
        "gateway/stages/without_codes.py",
        "    return blank_codes(body, names)\n\n\ndef _names_in",
        '    return body if b"\\0" in body else blank_codes(body, names)\n\n\ndef _names_in',
        (f"{CODES}::test_p21_a_zero_byte_hides_no_code",),
    ),
    Breakage(
        "leave a code that is more than digits beside a masked number",
        "P03",
        "gateway/stages/tokenize.py",
        "any(map(str.isnumeric, cvc))",
        "all(map(str.isnumeric, cvc))",
        (f"{BESIDE}::test_p03_a_code_that_is_more_than_digits_goes_too",),
    ),
    Breakage(
        "look for a card's values within its part alone, where its booking's end ends it",
        "P03",
        "gateway/codecs/text.py",
        "reach=end.end() if end else top.reach)",
        "reach=end.end() if end else 0)",
        (f"{BESIDE}::test_p03_a_code_that_the_end_of_its_booking_ends_is_found",),
    ),
    Breakage(
        "let an answer that nobody can read pass with a code",
        "P03",
        "gateway/pipeline.py",
        "may_pass_unparsed(body, names, code_names(shapes))",
        "may_pass_unparsed(body, names, code_names(shapes[:0]))",
        (f"{OWN_CARDS}::test_p03_what_can_not_be_read_and_has_a_code_is_refused",),
    ),
    Breakage(
        "see no code behind its name in what nobody can read",
        "P11",
        "gateway/stages/guard.py",
        'r"\\D{0,40}" + _CODE',
        "_CODE",
        (
            "tests/stages/test_guard.py::test_p11_what_has_a_code_behind_its_name_may_not_pass_unparsed",
        ),
    ),
    Breakage(
        "take every page that names a code for one that has it",
        "P15",
        "gateway/stages/guard.py",
        'r"\\D{0,40}" + _CODE',
        'r"\\D{0,40}"',
        (f"{OWN_CARDS}::test_an_error_page_that_has_no_code_passes",),
    ),
    Breakage(
        "miss a code's name that lies across two pieces of a body",
        "P03",
        "gateway/stages/without_codes.py",
        "pattern.finditer(body, position, end + longest)",
        "pattern.finditer(body, position, end)",
        (f"{CODES}::test_p03_no_code_is_hidden_by_where_it_stands_in_a_long_body",),
    ),
    Breakage(
        "look for a code behind each of many names anew",
        "P33",
        "gateway/stages/without_codes.py",
        """        while code is not None and code.start() < name.end():
            code = next(codes, None)
        if code is None:
            break
""",
        """        code = _CODE.search(body, name.end(), name.end() + _WINDOW)
        if code is None:
            continue
""",
        (f"{CODES}::test_p33_many_names_without_a_code_are_gone_through_once",),
    ),
    Breakage(
        "keep what spells a code's name in escapes",
        "P21",
        "gateway/stages/without_codes.py",
        "chr(int(escape[1], 16))",
        "escape[0]",
        (f"{CODES}::test_p21_a_name_in_escapes_is_a_codes_all_the_same",),
    ),
    Breakage(
        "look for a name in escapes right before its colon alone",
        "P21",
        "gateway/stages/without_codes.py",
        """u0022)\\s*+:'""",
        """u0022)\\s?:'""",
        (f"{CODES}::test_p21_a_name_in_escapes_is_a_codes_all_the_same",),
    ),
    Breakage(
        "look for a name in escapes from each quote on",
        "P33",
        "gateway/stages/without_codes.py",
        '    text = body.decode("utf-8", "replace")\n',
        '    text = body.decode("utf-8", "replace")\n    re.findall(rb\'("(?:[^"\\\\]|\\\\.){1,200}")\\s{0,8}:\', body)\n',
        (f"{CODES}::test_p33_many_quotes_take_no_long_search",),
    ),
    Breakage(
        "look into no form that begins as XML does",
        "P21",
        "gateway/stages/without_codes.py",
        "        if sign is not None and len(same)",
        "        if len(same)",
        (f"{CODES}::test_p21_a_form_that_begins_as_xml_is_looked_into",),
    ),
)
