"""Our log: one JSON object a line, made of fixed words, rule names and numbers. Never of input."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

_NAME = "card_gateway"
_OURS = logging.getLogger(_NAME)
_ENCODER = json.JSONEncoder(ensure_ascii=True, default=str)  # making one costs more than a line


class JsonLines(logging.Formatter):
    """Formats a record as `{"at", "level", "event", …}`; fields come from `extra={"fields": …}`.

    Other loggers (mitmproxy, asyncio, uvicorn) quote input in their messages, so only their level
    and name are kept. An exception shows its type and where it was raised, never its text or its
    arguments: those may hold what a peer sent.
    """

    def format(self, record: logging.LogRecord) -> str:
        ours = record.name.partition(".")[0] == _NAME
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage() if ours else "library_message",
        }
        line.update(getattr(record, "fields", {}) if ours else {"logger": record.name})
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = record.exc_info[0].__name__
            trace = record.exc_info[2]
            places = []
            while trace is not None:
                code = trace.tb_frame.f_code
                places.append(f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}")
                trace = trace.tb_next
            line["places"] = places[-6:]
        return _ENCODER.encode(line)


def event(name: str, *, level: int = logging.INFO, **fields: object) -> None:
    """Writes one line. `fields` are numbers, codes, rule names, ids: nothing that a peer chose."""
    if _OURS.isEnabledFor(level):
        # Not `_OURS.log`: it looks through the stack for a file and line that nobody is shown.
        record = logging.LogRecord(_NAME, level, "", 0, name, None, None)
        record.fields = fields
        _OURS.handle(record)


def configure(level: str = "info", stream: TextIO | None = None) -> None:
    """Sends our lines to `stream` (default stderr), and other libraries' warnings without a text."""
    # Found out for every line, and never written.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    if sys.version_info >= (3, 12):
        logging.logAsyncioTasks = False
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(_NAME).setLevel(level.upper())
