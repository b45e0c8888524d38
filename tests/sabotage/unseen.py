"""Breakages of what keeps a card from the caller that stands in no byte as it is."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

UNSEEN = "tests/stages/test_unseen.py"
ADMIT = "tests/stages/test_admit.py"
PACKED = "tests/cards/test_packed.py"
PLACES = "tests/stages/test_several_places.py"
SCATTERED = "tests/cards/test_scattered.py"
WHOLE = "tests/e2e/test_unseen.py::test_p03_p08_p11_a_card_that_only_the_client_would_have_seen"

BREAKAGES = (
    Breakage(
        "believe a label that calls compressed bytes JSON",
        "P08",
        "gateway/stages/unseen.py",
        "    if (closely or not _is_utf8(body)) and not is_text(body):",
        "    if closely and not is_text(body):",
        (f"{UNSEEN}::test_p08_p11_what_is_packed_is_no_text_whatever_its_label", WHOLE),
    ),
    Breakage(
        "read an answer in no other encoding than its bytes look like",
        "P11",
        "gateway/stages/last_look.py",
        "            check_encodings(headers, guarded.body, still)\n",
        "",
        (WHOLE,),
    ),
    Breakage(
        "read an XML declaration's encoding in the head alone",
        "P12",
        "gateway/stages/unseen.py",
        "    if declared is not None:\n",
        "    if declared is None:\n        declared = None\n    elif not headers:\n",
        (f"{UNSEEN}::test_p11_p12_a_card_that_shows_in_the_encoding_that_is_named",),
    ),
    Breakage(
        "let bytes pass in an encoding that nobody can read",
        "P11",
        "gateway/stages/unseen.py",
        "        if found is None and not _is_utf8(body):\n            raise MessageForbidden\n",
        "",
        (f"{UNSEEN}::test_p11_an_encoding_that_nobody_can_read_is_refused",),
    ),
    Breakage(
        "look for a number that was put in only as numbers are written",
        "P11",
        "gateway/cards/scan.py",
        "    yield from in_pieces(text, known)\n",
        "",
        (
            f"{SCATTERED}::test_p11_a_known_number_is_found_whatever_stands_between_its_pieces",
            f"{SCATTERED}::test_p11_p15_in_its_format_it_becomes_its_alias_or_is_refused",
        ),
    ),
    Breakage(
        "take two masks for the number that they hide",
        "P15",
        "gateway/cards/scattered.py",
        "[*#](?![*#])",
        "[*#]",
        (f"{SCATTERED}::test_p15_a_masked_number_beside_another_is_none",),
    ),
    Breakage(
        "look for a number in pieces up to the edge of a window",
        "P11",
        "gateway/cards/scattered.py",
        "begin + _WINDOW + _REACH]",
        "begin + _WINDOW]",
        (f"{SCATTERED}::test_p11_at_every_edge_of_what_is_looked_at_at_once",),
    ),
    Breakage(
        "spell anew what says the same already",
        "P15",
        "gateway/stages/detokenize.py",
        "    same = new == there and number == document.is_number(node)",
        "    same = False",
        (f"{PLACES}::test_p15_what_says_the_same_already_stays_as_its_caller_spells_it",),
    ),
    Breakage(
        "leave what says the same in another type",
        "P15",
        "gateway/stages/detokenize.py",
        "    same = new == there and number == document.is_number(node)",
        "    same = new == there",
        (f"{PLACES}::test_p15_what_says_the_same_in_another_type_becomes_the_rules",),
    ),
    Breakage(
        "let a header name another path for a charge",
        "P04",
        "gateway/stages/admit.py",
        "        if route.request.detokenize and any(name in headers for name in _OVERRIDES):",
        "        if route.request.detokenize and not headers:",
        (f"{ADMIT}::test_p04_where_a_card_is_put_in_no_header_names_another_path_or_method",),
    ),
    Breakage(
        "keep base64 of a card in the list of refusals",
        "P16",
        "gateway/refused.py",
        "        if not one.in_place:",
        "        if not one.digits:",
        ("tests/test_refused.py::test_p16_nothing_like_a_card_number_is_kept",),
    ),
    Breakage(
        "leave what is compressed in base64 unread",
        "P11",
        "gateway/cards/wrapped.py",
        "    for start, end, content in unpack(data, long):",
        "    for start, end, content in unpack(data[:0], long[:0]):",
        (f"{PACKED}::test_p11_a_card_in_a_compressed_field_is_refused",),
    ),
    Breakage(
        "unpack what is compressed in base64 to its end",
        "P10",
        "gateway/cards/packed.py",
        "decoder.decompress(packed, room))",
        "decoder.decompress(packed))",
        (f"{PACKED}::test_a_bomb_is_read_up_to_a_limit",),
    ),
    Breakage(
        "unpack as much of each as if it were alone",
        "P33",
        "gateway/cards/packed.py",
        "            room -= len(content)\n",
        "",
        (f"{PACKED}::test_many_bombs_are_read_up_to_the_limit_of_one",),
    ),
    Breakage(
        "read a sign that never ends anew with each piece",
        "P33",
        "gateway/stages/unseen.py",
        "        if len(decoder.getstate()[0]) > _UNFINISHED:\n            raise MessageForbidden\n",
        "",
        (f"{UNSEEN}::test_p33_a_sign_that_never_ends_is_refused_and_not_read_again_and_again",),
    ),
)
