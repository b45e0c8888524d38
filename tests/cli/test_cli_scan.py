"""`card-gateway scan`: what stands in files, logs, databases and archives."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import sqlite3
import tarfile
import zipfile

import pytest
import typer
from typer.testing import CliRunner

from gateway.cli import scan as command
from gateway.cli import scan_files

CARD = "4111111111111111"
MASKED = "411111******1111"


@pytest.fixture
def scan():
    app = typer.Typer()
    app.callback()(lambda: None)
    command.register(app)

    def run(*arguments):
        result = CliRunner().invoke(app, ["scan", *map(str, arguments)])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert CARD not in result.stdout + result.stderr
        return result.exit_code, result.stdout, result.stderr

    return run


def zipped(name, data):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("d")
        archive.writestr(name, data)
    return out.getvalue()


def tarred(name, data):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
        folder = tarfile.TarInfo("folder")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
    return out.getvalue()


TEXT = f"first line\nsecond {CARD} line\n".encode()
CONTAINERS = {
    "log.txt": (TEXT, ":2: "),
    "utf16.txt": (TEXT.decode().encode("utf-16"), ":2: "),
    "spelled16.txt": ("a\n&#52;111111111111111\n".encode("utf-16-le"), ":2: "),
    "a.zip": (zipped("in.txt", TEXT), "!in.txt:2: "),
    "a.tar": (tarred("in.txt", TEXT), "!in.txt:2: "),
    "a.tar.gz": (gzip.compress(tarred("in.txt", TEXT)), "!!in.txt:2: "),
    "a.gz": (gzip.compress(TEXT), "!:2: "),
    "a.bz2": (bz2.compress(TEXT), "!:2: "),
    "a.xz": (lzma.compress(TEXT), "!:2: "),
    "nested.zip": (zipped("b.zip", zipped("c.gz", gzip.compress(TEXT))), "!b.zip!c.gz!:2: "),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_p16_found_in(scan, tmp_path, name):
    data, place = CONTAINERS[name]
    (tmp_path / name).write_bytes(data)
    code, out, _ = scan(tmp_path)
    assert code == 1
    assert f"{tmp_path / name}{place}{MASKED} (visa" in out


@pytest.mark.parametrize("how", ["text", "integer", "blob", "deleted", "wal"])
def test_p16_found_in_a_database(scan, tmp_path, how):
    file = tmp_path / "some.db"
    database = sqlite3.connect(file)
    database.execute("PRAGMA secure_delete = off")
    if how == "wal":
        database.execute("PRAGMA journal_mode = wal")
    database.execute('CREATE TABLE "odd ""name" (x, "the card", n)')
    value = {"integer": int(CARD), "blob": CARD.encode()}.get(how, CARD)
    database.execute('INSERT INTO "odd ""name" VALUES (1, ?, NULL)', (value,))
    database.commit()
    if how == "deleted":
        database.execute('DELETE FROM "odd ""name"')
        database.commit()
    if how != "wal":
        database.close()
    before = {path.name for path in tmp_path.iterdir()}
    code, out, err = scan(tmp_path)
    database.close()
    assert (code, err) == (1, "")
    assert {path.name for path in tmp_path.iterdir()} <= before | {"some.db-shm"}
    if how == "deleted":
        assert f"{file}: {MASKED} (visa)" in out
    else:
        assert f'{file}:odd "name.the card: {MASKED} (visa)' in out


def test_p16_found_in_a_packed_database(scan, tmp_path):
    file = tmp_path / "some.db"
    with sqlite3.connect(file) as database:
        database.execute("PRAGMA journal_mode = wal")  # which no database in memory can have
        database.execute("CREATE TABLE t (card)")
        database.execute("INSERT INTO t VALUES (?)", (int(CARD),))
    database.close()
    (tmp_path / "a.zip").write_bytes(zipped("some.db", file.read_bytes()))
    (tmp_path / "b.zip").write_bytes(zipped("bad.db", b"SQLite format 3\0" + b"x" * 200))
    (tmp_path / "bad.db").write_bytes(b"SQLite format 3\0" + b"x" * 200 + TEXT)
    file.unlink()
    code, out, err = scan(tmp_path)
    assert code == 1
    assert f"!some.db:t.card: {MASKED} (visa)" in out
    assert f"{tmp_path / 'bad.db'}: {MASKED}" in out
    assert err.count("damaged or encrypted database") == 2


def test_clean_and_untouched(scan, tmp_path):
    (tmp_path / "a.txt").write_text("0011610234533 2013-03-12 411111******1111")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "link").symlink_to("/")
    assert scan(tmp_path) == (0, "✓ No clear card number was found.\n", "")
    assert scan(tmp_path / "a.txt", "--json")[0] == 0


def test_json_and_test_numbers(scan, tmp_path):
    file = tmp_path / "a.txt"
    file.write_text(f"{CARD}\n4539578763621486 4539578763621486\n")
    code, out, _ = scan(file, "--json")
    assert code == 1
    found = json.loads(out)["found"]
    assert [(one["line"], one["masked"]) for one in found] == [
        (1, MASKED), (2, "453957******1486"), (2, "453957******1486"),
    ]  # fmt: skip
    code, out, _ = scan(file, "--allow-test-numbers")
    assert code == 1
    assert MASKED not in out
    file.write_text(CARD)
    assert scan(file, "--allow-test-numbers")[0] == 0


def test_wrong_use(scan, tmp_path):
    code, _, err = scan(tmp_path / "absent")
    assert code == 2
    assert "there is no such file" in err
    assert scan()[0] == 2


def test_unreadable(scan, tmp_path):
    (tmp_path / "cut.gz").write_bytes(gzip.compress(os.urandom(3000))[:1500])
    (tmp_path / "bad.xz").write_bytes(b"\xfd7zXZ\0 not")
    (tmp_path / "bad.bz2").write_bytes(b"BZh9 not")
    (tmp_path / "closed").write_text("x")
    (tmp_path / "dir").mkdir()
    (tmp_path / "closed").chmod(0)
    (tmp_path / "dir").chmod(0)
    try:
        code, _, err = scan(tmp_path)
    finally:
        (tmp_path / "dir").chmod(0o700)
    assert code == 0
    assert err.count("damaged or encrypted archive") == 3
    if os.geteuid():
        assert err.count("Permission denied") == 2


def test_unreadable_for_everyone(scan, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")

    def refuse(self, *_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    assert "file: Permission denied" in scan(tmp_path)[2]
    monkeypatch.setattr("pathlib.Path.iterdir", refuse)
    assert f"{tmp_path}: Permission denied" in scan(tmp_path)[2]


def test_too_deep_and_too_much(scan, tmp_path, monkeypatch):
    deep = TEXT
    for _ in range(6):
        deep = gzip.compress(deep)
    (tmp_path / "deep.gz").write_bytes(deep)
    assert "packed too deep" in scan(tmp_path)[2]
    (tmp_path / "deep.gz").write_bytes(gzip.compress(b"0" * 5_000_000))
    monkeypatch.setattr(scan_files, "_LARGEST_NESTED", 1_000_000)
    assert "unpacks to too much" in scan(tmp_path)[2]


def test_big_files_in_windows(scan, tmp_path, monkeypatch):
    monkeypatch.setattr(scan_files, "CHUNK", 5000)
    lines = [b"line %05d" % i for i in range(3000)]
    lines[700] = b"card 4111 1111 1111 1111"
    lines[2999] = CARD.encode()
    (tmp_path / "big.log").write_bytes(b"\n".join(lines))
    code, out, _ = scan(tmp_path)
    assert code == 1
    assert [line.rpartition("big.log:")[2] for line in out.splitlines()] == [
        f"701: {MASKED} (visa, separated)", f"3000: {MASKED} (visa)",
    ]  # fmt: skip


def test_progress_on_a_terminal(scan, tmp_path, monkeypatch):
    from rich.console import Console

    shown = io.StringIO()
    monkeypatch.setattr(command, "console", lambda **_: Console(file=shown, force_terminal=True))
    (tmp_path / "a[b].txt").write_text(CARD)
    assert scan(tmp_path)[0] == 1
    assert "files" in shown.getvalue()


# --- hex dumps, and what servers write into their logs ----------------------------------------------


def rows(data, line):
    return "".join(line(at, data[at : at + 16]) for at in range(0, len(data), 16))


def shown(data):
    return "".join(chr(one) if 32 <= one < 127 else "." for one in data)


def grouped(data):
    return " ".join(data[at : at + 2].hex() for at in range(0, len(data), 2))


DUMPS = {
    "hexdump -C": lambda at, row: f"{at:08x}  {row[:8].hex(' ')}  {row[8:].hex(' '):<23}  |{shown(row)}|\n",
    "xxd": lambda at, row: f"{at:08x}: {grouped(row):<39}  {shown(row)}\n",
    "tcpdump -X": lambda at, row: f"\t0x{at:04x}:  {grouped(row):<39}  {shown(row)}\n",
    "wireshark": lambda at, row: f"{at:04x}  {row[:8].hex(' ')}  {row[8:].hex(' '):<23}   {shown(row)}\n",
    "od": lambda at, row: f"{at:06x} {row.hex(' ')}\n",
}  # fmt: skip


@pytest.mark.parametrize("before", [0, 47, 49, 56, 63])
@pytest.mark.parametrize("lines", [1, 3])
def test_p16_a_number_in_two_rows_of_a_trace_is_found(scan, tmp_path, before, lines):
    """curl --trace-ascii: 64 signs in a row, each with its offset in front."""
    body = "x" * (64 * (lines - 1) + before - 1) + '"' + CARD + '", "cvc": "123"}'
    told = "".join(f"{at:04x}: {body[at : at + 64]}\n" for at in range(0, len(body), 64))
    (tmp_path / "a.txt").write_text(f"=> Send data, 9 bytes (0x9)\n{told}== Info: done\n")
    code, out, _ = scan(tmp_path)
    assert (code, out.count(MASKED)) == (1, 1)
    view = ", trace" if before > 48 else ""
    assert f"a.txt:{1 + lines}: {MASKED} (visa{view})" in out.replace("\n", " ")


def test_rows_that_do_not_follow_one_another_are_no_line(scan, tmp_path):
    first, second = "x" * 56 + CARD[:8], CARD[8:]
    for place in ("0040: ", "0041: ", "and 0040: "):
        (tmp_path / "a.txt").write_text(f"0000: {first}\n{place}{second}\n")
        assert scan(tmp_path)[0] == (1 if place == "0040: " else 0)


@pytest.mark.parametrize("tool", DUMPS)
@pytest.mark.parametrize("before", [0, 3, 9, 15])
def test_p16_a_number_that_a_hex_dump_shows_is_found(scan, tmp_path, tool, before):
    """It begins in one line of the dump and may end in the next."""
    body = b"x" * (32 + before) + b'"' + CARD.encode() + b'", "cvc": "123"}'
    (tmp_path / "a.txt").write_text("a packet:\n" + rows(body, DUMPS[tool]) + "and after\n")
    code, out, _ = scan(tmp_path)
    assert code == 1
    line = 2 + (32 + before + 1) // 16
    assert f"a.txt:{line}: {MASKED} (visa, hex dump)" in out.replace("\n", " ")


@pytest.mark.parametrize("tool", DUMPS)
def test_p15_a_dump_of_something_else_is_none(scan, tmp_path, tool):
    body = b"x" * 32 + b'"411111******1111", "id": "4111111111111112"}' + bytes(range(256))
    (tmp_path / "a.txt").write_text(rows(body, DUMPS[tool]))
    assert scan(tmp_path)[0] == 0


def test_published_numbers_in_a_dump_are_allowed(scan, tmp_path):
    (tmp_path / "a.txt").write_text(rows(CARD.encode() * 1 + b"xx", DUMPS["xxd"]))
    assert scan(tmp_path, "--allow-test-numbers")[0] == 0


@pytest.mark.parametrize(
    "line",
    [
        'body="{\\x22card\\x22:\\x22@\\x22}"',  # nginx, as it is set up by itself
        "{%7B%22card%22:%22@%22%7D}",  # HAProxy
        'GET /pay?q=card%20@ HTTP/1.1"',
        '"msg":"{\\u0022card\\u0022:\\u0022@\\u0022}"',
    ],
)
def test_p16_a_number_right_behind_a_spelling_that_ends_with_a_digit(scan, tmp_path, line):
    (tmp_path / "access.log").write_text(line.replace("@", CARD) + "\n")
    code, out, _ = scan(tmp_path)
    assert (code, MASKED in out) == (1, True)
