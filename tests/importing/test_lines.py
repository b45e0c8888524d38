"""Records of a file: CSV and JSON lines; and what is refused with its line."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.importing.lines import COLUMNS, read_records
from gateway.importing.refusal import FileRefused, Why
from tests.importing.files import pieces

NEEDED = "pan,expiry,token\n"


def read(content, size=7):
    return list(read_records(pieces(content, size)))


def refused(content):
    with pytest.raises(FileRefused) as error:
        read(content)
    assert error.value.__suppress_context__ or error.value.__context__ is None
    return error.value.why, error.value.line, error.value.column


def test_csv_and_json_say_the_same():
    record = {"pan": "4111111111111111", "expiry": "2029-08", "token": 'a"b,c'}
    table = '\ufeffPAN,Expiry,Token\r\n4111111111111111,2029-08,"a""b,c"\r\n\r\n'
    assert read(table) == [(2, record)]
    assert read(json.dumps(record) + "\n\n") == [(1, record)]
    assert read(json.dumps(record | {"pan": 4111111111111111, "holder": None})) == [(1, record)]


def test_names_may_be_spelled_in_other_ways():
    head = "PAN,expiry month,Expiry-Year,token,tokenUser\n1,2,3,4,5\n"
    assert read(head)[0][1].keys() == {"pan", "expiry_month", "expiry_year", "token", "token_user"}


def test_lines_are_counted_as_an_editor_does():
    table = NEEDED + '1,2,"a\nb"\n1,2,c\n'
    assert [line for line, _ in read(table)] == [2, 4]


@pytest.mark.parametrize("row", ["1,2", "1,2,3,4", "x"])
def test_a_row_with_other_fields_is_told_and_the_next_goes_on(row):
    assert read(f"{NEEDED}{row}\n1,2,3\n")[0] == (2, None)
    assert len(read(f"{NEEDED}{row}\n1,2,3\n")) == 2


@pytest.mark.parametrize(
    "row", ["[]", "1", '{"pan": 1.5}', '{"pan": true}', '{"pan": {}}', '{"pan"', "{]"]
)
def test_a_line_that_is_no_object_of_texts_is_told(row):
    first = json.dumps({"pan": "1", "token": "2", "expiry": "3"})
    assert [fields is None for _, fields in read(f"{first}\n{row}\n{first}\n")] == [0, 1, 0]


@pytest.mark.parametrize(
    "name",
    ["CVC", "cvv2", "card_cvc", "securityCode", "Security Code", "cardCode", "CSC", "CID", "PIN",
     "track2", "Track 1 Data", "verification_value", "pin-block", "cvcCode"],
)  # fmt: skip
def test_p21_a_column_of_security_codes_refuses_the_file(name):
    assert refused(f"pan,expiry,token,{name}\n") == (Why.SECURITY_CODE, None, 4)
    later = json.dumps({"pan": "1"}) + "\n" + json.dumps({"pan": "1", name: "123"})
    assert refused(later) == (Why.SECURITY_CODE, 2, 2)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", (Why.EMPTY, None, None)),
        ("\n", (Why.EMPTY, None, None)),
        ("4111111111111111,2029-08,old-1\n", (Why.COLUMN_UNKNOWN, None, 1)),
        ("pan;expiry;token\n", (Why.COLUMN_UNKNOWN, None, 1)),
        ("pan,expiry,token,notes\n", (Why.COLUMN_UNKNOWN, None, 4)),
        ("pan,expiry,token,Token\n", (Why.COLUMN_TWICE, 1, None)),
        ('{"pan": "1", "PAN": "2"}', (Why.COLUMN_TWICE, 1, None)),
        ("pan,token\n", (Why.COLUMN_MISSING, 1, None)),
        ("pan,expiry\n", (Why.COLUMN_MISSING, 1, None)),
        ("pan,token,expiry_month\n", (Why.COLUMN_MISSING, 1, None)),
        (NEEDED.encode() + b"1,2,\xff\n", (Why.NOT_TEXT, 2, None)),
        (NEEDED + '1,2,"a"b\n', (Why.NOT_CSV, 2, None)),
        (NEEDED + '1,2,"a\n', (Why.NOT_CSV, 2, None)),
        (NEEDED + "1,2," + "x" * 70_000 + "\n", (Why.LINE_TOO_LONG, 2, None)),
        (NEEDED + "1,2," + "x" * 70_000, (Why.LINE_TOO_LONG, 2, None)),
        (NEEDED + '1,2,"' + "x\n" * 70_000, (Why.LINE_TOO_LONG, 2, None)),
    ],
)  # fmt: skip
def test_a_file_is_refused_as_a_whole(content, said):
    assert refused(content) == said


@given(st.lists(st.fixed_dictionaries({name: st.text() for name in COLUMNS}), min_size=1))
def test_what_was_written_as_json_is_read_as_it_was(records):
    text = "\n".join(json.dumps(one) for one in records)
    assert [fields for _, fields in read(text.encode(), 50)] == records


FIELD = st.text(st.characters(exclude_characters="\r\0", exclude_categories=["Cs"]), max_size=50)


@given(st.lists(st.tuples(FIELD, FIELD, FIELD.map(lambda text: text + "t"))))
def test_what_was_written_as_csv_is_read_as_it_was(rows):
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(["pan", "expiry", "token"])
    writer.writerows(rows)
    found = [tuple(fields.values()) for _, fields in read(file.getvalue(), 50)]
    assert found == rows


@given(st.binary(max_size=300) | st.binary(max_size=100).map(lambda data: NEEDED.encode() + data))
def test_whatever_comes_is_read_or_refused(data):
    try:
        found = read(data)
    except FileRefused:
        return
    assert all(fields is None or fields.keys() <= set(COLUMNS) for _, fields in found)


def test_p16_a_refusal_repeats_nothing():
    with pytest.raises(FileRefused) as refused:
        read("4111111111111111,2029-08,old-1\n")
    error = refused.value
    assert "4111" not in repr(error) + error.text + str(error.args) + error.action
