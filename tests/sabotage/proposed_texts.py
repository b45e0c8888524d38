"""What `rules new` proposes for plain text, asks about an expiry, and reads of commands."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

TEXTS = "tests/cli/test_cli_rules_new_texts.py"
DIALECTS = "tests/cli/test_cli_rules_new_dialects.py"
COLUMNS = "tests/cli/test_cli_rules_new_columns.py"
EXPLAINED = "tests/cli/test_cli_rules_explain_refused.py"
AROUND = "tests/cli/test_cli_rules_new_around.py"
EXPIRY = "tests/cli/test_cli_rules_new_expiry.py"

BREAKAGES = (
    Breakage(
        "propose a text's path that leads to two places",
        "P15",
        "gateway/cli/proposal/ways.py",
        "    return len(places) == 1 and places[0]",
        "    return len(places) > 0 and places[0]",
        (f"{DIALECTS}::test_p16_edifact_that_no_path_leads_to_is_told",),
    ),
    Breakage(
        "let a guest's name stand in a text's path",
        "P16",
        "gateway/cli/proposal/texts.py",
        "    return words.names_field(label.strip()) or words.squash(label) in _SHORT",
        "    return bool(label)",
        (f"{TEXTS}::test_p16_a_guests_name_leads_to_no_card",),
    ),
    Breakage(
        "call a text unchanged whatever stands behind the card",
        "P15",
        "gateway/cli/proposal/texts.py",
        "    return after[at:].endswith(before[last:])",
        "    return len(after) >= at",
        (f"{TEXTS}::test_p15_another_change_in_a_text_is_seen",),
    ),
    Breakage(
        "take a separator within quotes for one between columns",
        "P15",
        "gateway/cli/proposal/columns.py",
        "    if '\"' not in line:",
        "    if line:",
        (f"{COLUMNS}::test_p15_columns_in_quotes",),
    ),
    Breakage(
        "look for a repeated card in all of the text",
        "P15",
        "gateway/cli/proposal/ways.py",
        "finditer(body, *(span or (0,))), 2)",
        "finditer(body), 2)",
        (f"{COLUMNS}::test_p15_cards_under_the_same_words",),
    ),
    Breakage(
        "take a member for a second one whatever it is called",
        "P16",
        "gateway/cli/body_faults.py",
        "            if last[1] in held:",
        "            if held:",
        (f"{EXPLAINED}::test_p16_it_names_what_is_forbidden_and_where",),
    ),
    Breakage(
        "leave digits alone that no route has drawn",
        "P15",
        "gateway/cli/rehearsal_stages.py",
        "        if self._digits_drawn:",
        "        if digits:",
        (
            "tests/cli/test_cli_rules_digits.py::test_p15_what_has_their_form_is_a_card_where_no_route_draws_any",
        ),
    ),
    Breakage(
        "take what a guest remarks for a card's envelope",
        "P16",
        "gateway/cli/proposal/messages.py",
        "            if words.names_remark(leaf.name):",
        "            if not leaf.name:",
        (f"{COLUMNS}::test_p16_what_a_guest_remarks_is_no_envelope",),
    ),
    Breakage(
        "write the holder's name over a merchant's",
        "P15",
        "gateway/cli/proposal/holders.py",
        "_is_name(one.text) and not _is_login(taken, one)]",
        "_is_name(one.text)]",
        (f"{AROUND}::test_p15_a_merchants_name_is_no_holders",),
    ),
    Breakage(
        "let a guest's name mark an agency's card",
        "P16",
        "gateway/cli/proposal/agencies.py",
        "    return text if words.squash(text) in _HOLDERS and text.isprintable()",
        "    return text if text.isprintable()",
        (f"{AROUND}::test_p16_an_agencys_name_marks_its_cards_and_a_guests_stands_nowhere",),
    ),
    Breakage(
        "guess an expiry where two texts could be it",
        "P15",
        "gateway/cli/proposal/expiries.py",
        "    if len(found) != 1:",
        "    if not found:",
        (f"{EXPIRY}::test_what_is_spelled_as_an_expiry_beside_the_number_is_asked_about",),
    ),
    Breakage(
        "say that nothing is called a number where something is",
        "P16",
        "gateway/cli/proposal/why_not.py",
        "    for path in dict.fromkeys(message.called) if not message.scrubbed else ():",
        "    for path in message.called[:0]:",
        (f"{EXPIRY}::test_p16_what_is_called_a_number_and_holds_none_is_told",),
    ),
    Breakage(
        "read the file that a command for curl would send",
        "P16",
        "gateway/cli/curl_command.py",
        "        return name, None\n",
        '        return name, open(text[1:], encoding="latin-1").read()\n',
        ("tests/cli/test_cli_transcript_tools.py::test_a_form_that_curl_would_send",),
    ),
    Breakage(
        "take an agency's flag for set whatever it says",
        "P15",
        "gateway/cli/proposal/agencies.py",
        "_FLAG.fullmatch(leaf.text.strip())",
        "leaf.text.strip()",
        (
            "tests/cli/test_cli_rules_new_comments.py::test_what_marks_an_agencys_card_is_proposed_as_a_comment",
        ),
    ),
    Breakage(
        "take what stands in front of the first card for a card's",
        "P15",
        "gateway/cli/proposal/texts.py",
        "            continue  # in front of the first card\n",
        "            span = None\n",
        (f"{COLUMNS}::test_what_stands_in_front_of_the_first_card_is_no_cards",),
    ),
)
