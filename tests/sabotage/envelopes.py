"""Breakages of what stands in the texts of other documents."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

CODEC = "tests/codecs/test_envelope.py"
E2E = "tests/e2e/test_envelopes.py"

BREAKAGES = (
    Breakage(
        "guard an envelope from outside only",
        "P03",
        "gateway/stages/guard_inside.py",
        "    if layout is None or not layout.envelopes:\n",
        "    if layout is None or layout.envelopes is not None:\n",
        (f"{E2E}::test_p03_a_card_in_base64_becomes_a_token_and_a_remark_a_mask",),
    ),
    Breakage(
        "let through an envelope that can not be read",
        "P10",
        "gateway/pipeline.py",
        "            if len(layout.envelopes) > 0 and await run(",
        "            if len(layout.envelopes) > 9 and await run(",
        (f"{E2E}::test_p10_what_can_not_be_looked_into_is_refused",),
    ),
    Breakage(
        "read base64 that others read differently",
        "P13",
        "gateway/codecs/base64.py",
        "    if style.write(content) != text:\n",
        "    if len(style.write(content)) > len(text):\n",
        (f"{CODEC}::test_p12_p13_what_could_be_read_in_two_ways_is_refused",),
    ),
    Breakage(
        "part a form by another boundary than its label's",
        "P09",
        "gateway/stages/labels.py",
        "not in _boundaries(body):",
        "in set():",
        (f"{E2E}::test_p09_a_multipart_form_whose_label_names_another_boundary_is_refused",),
    ),
    Breakage(
        "let a file pass that nobody looked into",
        "P03",
        "gateway/stages/last_look.py",
        "            check_text(body, layout.outer if layout else None)\n",
        "",
        (f"{E2E}::test_p03_a_file_that_can_not_be_looked_into_is_refused",),
    ),
    Breakage(
        "take a part whose name readers unescape differently",
        "P14",
        "gateway/codecs/multipart.py",
        "len(parts) > 1 or len(parts[0].names) > 1",
        "len(parts) > 1",
        ("tests/codecs/test_multipart.py::test_p14_each_message_of_the_corpus_has_its_outcome",),
    ),
    Breakage(
        "end a CDATA section inside of an envelope",
        "P15",
        "gateway/codecs/embedded.py",
        "        if _CDATA_END in before + new + after:\n",
        "        if _CDATA_END in before:\n",
        (f"{CODEC}::test_p15_a_cdata_section_can_not_be_ended",),
    ),
    Breakage(
        "write a whole envelope anew",
        "P15",
        "gateway/codecs/envelope.py",
        "            return self.embedded.edits(spliced.edits)\n",
        "            return self.embedded.edits([Edit(0, len(self.body), spliced.body)])\n",
        (f"{CODEC}::test_p15_what_no_change_names_keeps_its_spelling",),
    ),
    Breakage(
        "keep a code in base64 that nobody can read",
        "P21",
        "gateway/stages/without_codes.py",
        "            return None  # but for what can not be seen, or has no name to be found by\n",
        "            pass\n",
        ("tests/stages/test_without_codes.py::test_base64_that_can_not_be_read_is_not_kept",),
    ),
)
