"""What the process takes for itself before it serves (P33)."""

from __future__ import annotations

import resource

import pytest

from gateway import process

NEEDED = 2 * 1000 + 1024 + 256


@pytest.fixture
def limits(monkeypatch):
    """The limits of open files, which a test sets as it likes; `said` is what was logged."""
    held, said = [], []
    monkeypatch.setattr(resource, "getrlimit", lambda _: held[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, new: held.append(new))
    monkeypatch.setattr(process, "event", lambda name, **more: said.append((name, more)))
    return held, said


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((1024, 524288), (NEEDED, 524288)),
        ((1024, resource.RLIM_INFINITY), (NEEDED, resource.RLIM_INFINITY)),
        ((65536, 65536), (65536, 65536)),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY),) * 2,
        ((NEEDED, NEEDED), (NEEDED, NEEDED)),
    ],
)
def test_p33_it_takes_the_files_that_it_needs(limits, before, after):
    held, said = limits
    held.append(before)
    process.open_files_for(1000, 1024)
    assert held[-1] == after
    assert said == []


def test_p33_where_there_are_too_few_it_takes_all_and_says_so(limits):
    held, said = limits
    held.append((1024, 2048))
    process.open_files_for(1000, 1024)
    assert held[-1] == (2048, 2048)
    ((name, more),) = said
    assert (name, more["limit"], more["needed"]) == ("few_files", 2048, NEEDED)
