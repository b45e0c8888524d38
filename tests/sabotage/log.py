"""P33: the log waits for nobody, and says what it left out. P16: nor does it repeat what others say."""

from __future__ import annotations

from tests.sabotage.breakage import Breakage

LOG = "tests/test_log.py"

BREAKAGES = (
    Breakage(
        "wait for whoever reads the log",
        "P33",
        "gateway/log.py",
        "        return bool(ready.poll(0))",
        "        return True",
        (
            f"{LOG}::test_p33_a_reader_that_stands_still_holds_nobody",
            "tests/e2e/test_life.py::test_p33_a_log_that_nobody_reads_stops_nothing",
        ),
    ),
    Breakage(
        "forget which lines of the log were left out",
        "P33",
        "gateway/log.py",
        "            if not self._has_room():\n                self._left_out += 1\n",
        "            if not self._has_room():\n",
        (f"{LOG}::test_p33_a_reader_that_stands_still_holds_nobody",),
    ),
    Breakage(
        "fail for a log that nobody reads any more",
        "P33",
        "gateway/log.py",
        "        except (OSError, ValueError):  # closed, or its reader is gone",
        "        except KeyError:  # closed, or its reader is gone",
        (
            f"{LOG}::test_p33_a_reader_that_is_gone_holds_nobody",
            f"{LOG}::test_a_log_that_is_closed_raises_nothing",
        ),
    ),
    Breakage(
        "leave to Python what a command tells of other libraries' warnings",
        "P16",
        "gateway/cli/main.py",
        '    log.configure("warning", formatter=log.PlainLines())',
        "    log.PlainLines()",
        (
            "tests/e2e/test_start.py::test_p16_what_a_library_warns_of_in_a_command_is_told_without_its_text",
        ),
    ),
)
