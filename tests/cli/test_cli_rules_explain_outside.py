"""`card-gateway rules explain`: digits that a rule says are no card's are not told of."""

from __future__ import annotations

import pytest

ID, OTHER = "4012888888881881", "4242424242424242"
PACK = """
system: x
about: x
shapes:
  s: { format: json, booking: "$.bookings.*", card: card, number: pan, not_cards: [id, "$.bookings.*"] }
routes:
  - { name: r, to: https://x.example/p, methods: [GET], response: { tokenize: s } }
"""


@pytest.mark.parametrize(
    ("body", "code", "told"),
    [
        (f'{{"bookings":{{"{ID}":{{"id":{OTHER}}}}}}}', 0, None),
        (f'{{"bookings":{{"{ID}":{{"ref":"{OTHER}"}}}}}}', 0, "424242******4242 in `ref`"),
        (f'{{"others":{{"{ID}":{{}}}}}}', 1, "401288******1881"),
    ],
)
def test_explain_tells_only_of_digits_that_the_rule_does_not_name(
    rules, tmp_path, body, code, told
):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x.yaml").write_text(PACK)
    (tmp_path / "m.bin").write_text(body)
    exit_code, out, _ = rules(
        "explain", "--rules", str(tmp_path / "other"), "--route", "x",
        str(tmp_path / "m.bin"),
    )  # fmt: skip
    assert exit_code == code
    if told is None:
        assert "outside of every shape" not in out
    else:
        assert f"{told}, outside of every shape" in out
