"""Whoever may write to the directory of a key may put another one there: ours are the owner's alone."""

import os
import ssl
import stat

import pytest

from gateway.evidence.folder import Folder
from gateway.private_directory import make_private
from gateway.sandbox.tls import make_authority
from gateway.vault.kek.file import KekFile
from gateway.vault.service import Vault


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o022, 0o002, 0o000], ids="umask {:03o}".format)
def umask(request):
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_each_that_is_made_is_the_owners_alone(tmp_path):
    there = tmp_path / "there"
    there.mkdir()
    before = mode(there)
    make_private(there / "state" / "ca")
    make_private(there / "state" / "ca")
    assert [mode(there / "state"), mode(there / "state" / "ca")] == [0o700, 0o700]
    assert mode(there) == before


def test_what_is_no_directory_is_told(tmp_path):
    (tmp_path / "state").write_text("a file")
    with pytest.raises(OSError, match="state"):
        make_private(tmp_path / "state" / "ca")


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize("made", ["vault", "sandbox", "evidence"])
def test_what_makes_directories_makes_them_so(tmp_path, made):
    deep = tmp_path / "one" / "two"
    if made == "vault":
        make_private(deep)
        vault = Vault.open(deep / "three" / "four" / "vault.db", KekFile(deep / "kek"))
        vault.close()
    elif made == "sandbox":
        assert ssl.create_default_context(cafile=make_authority(deep / "three" / "four"))
    else:
        Folder(deep / "three" / "four")
    made_now = [deep / "three" / "four", deep / "three", deep, deep.parent]
    assert [mode(directory) for directory in made_now] == [0o700] * 4
