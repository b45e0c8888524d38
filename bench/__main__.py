"""`python -m bench [--quick] [--json]`: measures, prints, and exits with 1 when a goal is missed."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from pathlib import Path

from bench import table
from bench.child import close_all
from bench.goals import judge
from bench.report import Report
from bench.run import FULL, QUICK, Counts, run


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0, 1 when a goal is missed, 2 when it could not be measured."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under a minute, and less exact")
    parser.add_argument("--json", action="store_true", help="JSON on standard output")
    options = parser.parse_args(arguments)
    counts = QUICK if options.quick else FULL
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return measure(counts, as_json=options.json)
    except KeyboardInterrupt:
        return 130


def measure(counts: Counts, *, as_json: bool = False) -> int:
    """Measures and prints, at most for `counts.seconds`; the exit code."""
    report, code, began = Report(), 0, time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        before = signal.signal(signal.SIGALRM, _expire)
        signal.alarm(counts.seconds)
        try:
            run(counts, Path(directory), report, _say)
        except (OSError, RuntimeError) as error:
            _say(f"failed: {error}")
            code = 2
        finally:
            signal.alarm(0)
            close_all()
            signal.signal(signal.SIGALRM, before)
    report.seconds = time.monotonic() - began
    report.goals = judge(
        report.costs, report.endpoint, report.bulks, report.loop, report.vault,
        report.card_route, report.codecs,
    )  # fmt: skip
    if as_json:
        print(json.dumps(report.plain(), indent=2))
    else:
        print("\n".join(table.lines(report)))
    return code or (0 if report.met else 1)


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt  # as Ctrl-C: what was started is ended


def _expire(*_: object) -> None:
    raise RuntimeError("it took too long")


if __name__ == "__main__":
    sys.exit(main())
