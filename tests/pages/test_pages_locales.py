"""Languages are files: the same keys in each, and a new one appears by itself."""

from __future__ import annotations

import shutil

import pytest

from gateway.errors import ConfigurationError
from gateway.pages.locales import DIRECTORY, Locales


@pytest.fixture
def directory(tmp_path):
    return shutil.copytree(DIRECTORY, tmp_path / "locales")


def test_five_languages_are_shipped_with_the_same_keys_each():
    locales = Locales()
    assert locales.languages >= {"en", "es", "it", "fr", "de"}
    keys = [set(texts.texts) for texts in locales._texts.values()]
    assert all(one == keys[0] for one in keys)
    for texts in locales._texts.values():
        assert all(
            text.strip(" \xa0") or key == "number.thousands" for key, text in texts.texts.items()
        )


def test_a_new_file_is_a_language_more(directory):
    english = (directory / "en.yaml").read_text(encoding="utf-8")
    (directory / "pt-BR.yaml").write_text(english.replace("Booking", "Reserva"), encoding="utf-8")
    locales = Locales(directory)
    assert locales.choose(("pt-BR",), "")("page.booking") == "Reserva"
    assert locales.choose((), "pt-br, en;q=0.5").language == "pt-BR"
    assert locales.choose((), "pt").language == "en"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("  booking: Booking\n", "", "`page.booking` is missing"),
        (
            "  booking: Booking\n",
            "  booking: Booking\n  bookings: B\n",
            "unknown key `page.bookings`",
        ),
        ("{hotel}", "the hotel", "`page.genuine` wants {hotel}"),
        ("{hotel}", "{hotel.__class__}", "`page.genuine` wants {hotel}"),
        ("{hotel}", "{hotel", "`page.genuine` wants {hotel}"),
        ("booking: Booking", "booking: true", "a text is wanted here"),
    ],
)
def test_a_file_that_is_not_like_the_english_one_is_named(directory, old, new, problem):
    english = (directory / "en.yaml").read_text(encoding="utf-8")
    (directory / "pt.yaml").write_text(english.replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"pt\.yaml") as raised:
        Locales(directory)
    assert problem in str(raised.value)


def test_a_file_with_another_name_is_named(directory):
    (directory / "Portuguese.yaml").write_bytes((directory / "en.yaml").read_bytes())
    with pytest.raises(ConfigurationError, match="is not a language's code"):
        Locales(directory)
    (directory / "en.yaml").unlink()
    with pytest.raises(ConfigurationError, match=r"there is no en\.yaml"):
        Locales(directory)
