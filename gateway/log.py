"""Our log: one JSON object a line (of a command plain words), made of fixed words, rule names and numbers.
Never of input."""

from __future__ import annotations

import json
import logging
import select
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
        return _ENCODER.encode(
            {
                "at": datetime.fromtimestamp(record.created, UTC).isoformat(
                    timespec="milliseconds"
                ),
                "level": record.levelname.lower(),
                **_said(record),
            }
        )


class PlainLines(logging.Formatter):
    """Formats a record as `event: name=value, …`, for whoever runs a command: the same words, and no more of
    other loggers' messages and of exceptions."""

    def format(self, record: logging.LogRecord) -> str:
        name, *fields = _said(record).items()
        told = ", ".join(f"{key}={_plain(value)}" for key, value in fields)
        return f"{name[1]}: {told}" if told else str(name[1])


def _said(record: logging.LogRecord) -> dict[str, object]:
    ours = record.name.partition(".")[0] == _NAME
    line: dict[str, object] = {"event": record.getMessage() if ours else "library_message"}
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
    return line


def _plain(value: object) -> str:
    text = str(value)
    return text if text and text.isprintable() and " " not in text else _ENCODER.encode(text)


class Lines(logging.StreamHandler[TextIO]):
    """Writes lines, and does not wait for whoever reads them: a line that a pipe has no room for, or that can not be
    written, is left out, and the next one that is written has how many were (`left_out`). Who stops reading our log
    must not stop the gateway.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._left_out = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one where there is room, and raises nothing: a pipe that can be written takes PIPE_BUF bytes at
        once. A longer line may wait; it tells of rules and settings, and no stranger makes one."""
        try:
            line = self.format(record)
            if self._left_out:
                line = f'{line[:-1]}, "left_out": {self._left_out}}}'
            if not self._has_room():
                self._left_out += 1
                return
            self.stream.write(f"{line}\n")
            self.stream.flush()
            self._left_out = 0
        except (OSError, ValueError):  # closed, or its reader is gone: nobody fails for its log
            self._left_out += 1

    def _has_room(self) -> bool:
        try:
            descriptor = self.stream.fileno()
        except (OSError, ValueError):  # of a test: it is no file
            return True
        ready = select.poll()
        ready.register(descriptor, select.POLLOUT)
        return bool(ready.poll(0))


def event(name: str, *, level: int = logging.INFO, **fields: object) -> None:
    """Writes one line. `fields` are numbers, codes, rule names, ids: nothing that a peer chose."""
    if _OURS.isEnabledFor(level):
        # Not `_OURS.log`: it looks through the stack for a file and line that nobody is shown.
        record = logging.LogRecord(_NAME, level, "", 0, name, None, None)
        record.fields = fields
        _OURS.handle(record)


def configure(
    level: str = "info", stream: TextIO | None = None, formatter: logging.Formatter | None = None
) -> None:
    """Sends our lines to `stream` (default stderr), and other libraries' warnings without a text; as JSON,
    without a `formatter`."""
    # Found out for every line, and never written.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    if sys.version_info >= (3, 12):
        logging.logAsyncioTasks = False
    handler = Lines(stream or sys.stderr)
    handler.setFormatter(formatter or JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(_NAME).setLevel(level.upper())
