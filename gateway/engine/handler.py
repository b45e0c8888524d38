"""One client connection: reads, writes, and obeys the layers' commands.

It and what it has dialled for it (`dial.py`) are the only I/O there is. Deny by default holds here
too: a command that is not known ends the connection.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Coroutine
from ipaddress import ip_address
from typing import Any, Final, cast

from mitmproxy.connection import Connection, ConnectionState
from mitmproxy.proxy import commands, events, server
from mitmproxy.proxy.mode_servers import ProxyConnectionHandler

from gateway.egress import Egress
from gateway.engine.boundary import CLEARED, Guard
from gateway.engine.dial import Dialer
from gateway.engine.layers import Entrance, Switchboard
from gateway.engine.session import Session
from gateway.engine.settings import Limits, ListenerSettings
from gateway.engine.work import Aside, TimedOut, Work, WorkCompleted
from gateway.errors import ClientGone, GatewayError, InternalError
from gateway.exchange import Listener
from gateway.networks import normal
from gateway.reach import CHUNK, Streams

_HELD: Final = 256 * 1024  # bytes that a peer may be ahead of us
_FLUSH: Final = 1.0  # seconds that a layer has to answer once the deadline passed
_FAREWELL: Final = 1.0  # seconds that upstream has to answer TLS' close_notify
# The hooks that the TLS layer announces. Nobody listens; any other means a layer that is not ours.
_HARMLESS: Final = frozenset({"tls_clienthello", "tls_established_client", "tls_failed_client"})

Closing = dict[asyncio.Task[None], asyncio.StreamWriter]  # who waits for which connection's end


class Handler(ProxyConnectionHandler):
    """Serves one client connection from its first byte to its last."""

    def __init__(
        self,
        master: Any,  # mitmproxy's own signature, untyped
        streams: Streams,
        mode: Any,
        *,
        listener: Listener,
        settings: ListenerSettings,
        limits: Limits,
        board: Switchboard,
        egress: Egress,
        asides: set[asyncio.Task[None]],
        closing: Closing,
    ) -> None:
        super().__init__(master, *streams, master.options, mode)  # type: ignore[no-untyped-call]  # untyped there
        self._board, self._asides, self._closing = board, asides, closing
        self._dialer = Dialer(egress, limits.upstream_connect_seconds)
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: deque[events.Event] | None = None  # the rest of what `dispatch` is busy with
        self._loop = asyncio.get_running_loop()
        address = normal(ip_address(self.client.peername[0]))
        self.session = Session(
            listener=listener,
            settings=settings,
            limits=limits,
            address=address,
            on_deadline=self._expired,
            pause=self.pause,
        )
        self.layer = Entrance(self.layer.context, self.session, board)
        self.born = self._loop.time()

    # --- the connection's life ------------------------------------------------------------------

    async def handle_client(self) -> None:
        """Serves the client until its connection ends; then ends all that hung on it."""
        self.dispatch(events.Start())
        handler = asyncio.create_task(self.handle_connection(self.client))
        self.transports[self.client].handler = handler
        await asyncio.wait([handler])
        self.session.close()
        # What the pipeline has in hand is finished: its audit must not stop half-way.
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self._board.boundary.end(self.session, ClientGone())
        upstreams = [io.handler for io in self.transports.values() if io.handler]
        for upstream in upstreams:
            upstream.cancel()
        if upstreams:
            await asyncio.wait(upstreams)

    def begin_stop(self) -> None:
        """Serves what is in hand, then closes; closes at once where nothing is."""
        self.session.stopping = True
        if self.session.idle:
            self.abort()

    def abort(self) -> None:
        """Closes every connection now."""
        for connection, io in list(self.transports.items()):
            connection.state = ConnectionState.CLOSED
            if isinstance(io.writer, asyncio.StreamWriter):
                io.writer.transport.abort()
            if io.handler:
                io.handler.cancel()

    def _expired(self) -> None:
        self.dispatch(TimedOut())
        # A layer that could answer has done so. One that could not (mid-handshake) is cut off.
        self._loop.call_later(_FLUSH, self._cut_off, self.session.deadline)

    def _cut_off(self, deadline: float | None) -> None:
        if self.client in self.transports and self.session.deadline == deadline:
            self.abort()

    # --- events in, commands out ----------------------------------------------------------------

    async def server_event(self, event: events.Event) -> None:
        """Does what `dispatch` does, by mitmproxy's name for it."""
        self.dispatch(event)

    def dispatch(self, event: events.Event) -> None:
        """Gives an event to the layers and obeys what they say. An exception ends the connection."""
        self._waiting = waiting = deque([event])
        guard = Guard()
        try:
            with guard:
                while waiting:
                    for command in self.layer.handle_event(waiting.popleft()):
                        self._obey(command, waiting)
                guard.clear()
            if guard.verdict is not CLEARED:
                self.abort()
        finally:
            self._waiting = None

    def _obey(self, command: commands.Command, waiting: deque[events.Event]) -> None:
        if isinstance(command, Work):
            self.session.unpaused.clear()
            self._start(self._work(command), self._tasks)
        elif isinstance(command, Aside):
            self._start(self._aside(command), self._asides)
        elif isinstance(command, commands.StartHook):
            if command.name not in _HARMLESS:
                raise InternalError
            if command.blocking:
                waiting.append(events.HookCompleted(command))
        elif isinstance(command, commands.OpenConnection):
            task = asyncio.create_task(self.open_connection(command))
            self.transports[command.connection] = server.ConnectionIO(handler=task)
        elif isinstance(command, commands.ConnectionCommand):
            self._obey_connection(command)
        elif not isinstance(command, commands.Log):  # mitmproxy's log lines quote peers
            raise InternalError

    def _obey_connection(self, command: commands.ConnectionCommand) -> None:
        io = self.transports.get(command.connection)
        if io is None:
            return  # closed already
        if isinstance(command, commands.SendData):
            writer = cast(asyncio.StreamWriter, io.writer)
            if not writer.is_closing():
                if command.connection is not self.client and self.session.exchange is not None:
                    self.session.exchange.sent = True  # noted first: a part may leave all the same
                writer.write(command.data)
        elif isinstance(command, commands.CloseConnection):
            half = isinstance(command, commands.CloseTcpConnection) and command.half_close
            self.close_connection(command.connection, half)
        else:
            raise InternalError

    def _start(self, coroutine: Coroutine[Any, Any, None], tasks: set[asyncio.Task[None]]) -> None:
        task = _begun(coroutine, self._loop)
        if not task.done():
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    async def _work(self, command: Work) -> None:
        guard, result = Guard(), None
        try:
            with guard:
                result = await command.coroutine
                guard.clear()
        finally:
            self.session.unpaused.set()
            if guard.verdict is not CLEARED:  # cancelled, or what must not raise has raised
                self.abort()
        if guard.verdict is not CLEARED:
            return
        if self._waiting is None:
            self.dispatch(WorkCompleted(command, result))
        else:  # done at once: its turn comes after what the layers are just saying
            self._waiting.append(WorkCompleted(command, result))

    async def _aside(self, command: Aside) -> None:
        with Guard():
            await command.coroutine

    # --- reading and writing --------------------------------------------------------------------

    async def handle_connection(self, connection: Connection) -> None:
        """Reads until the connection ends, no further ahead than the layers can follow (P33)."""
        reader = cast(asyncio.StreamReader, self.transports[connection].reader)
        client = connection is self.client
        gate = self.session.next_request if client else self.session.unpaused
        held, cancelled = 0, False
        try:
            while data := await reader.read(CHUNK):
                self.dispatch(events.DataReceived(connection, data))
                await self._keep_pace()
                held = 0 if gate.is_set() else held + len(data)
                if held > _HELD:
                    await gate.wait()
        except OSError:
            pass  # reset, or a broken TLS record: the same as closed
        except asyncio.CancelledError:
            cancelled = True
        if cancelled:
            connection.state = ConnectionState.CLOSED
        else:
            connection.state &= ~ConnectionState.CAN_READ
        self.dispatch(events.ConnectionClosed(connection))
        if connection.state is ConnectionState.CAN_WRITE:
            # Our half is still open: whoever closes it cancels this task.
            await self._until_cancelled()
        writer = cast(asyncio.StreamWriter, self.transports.pop(connection).writer)
        connection.state = ConnectionState.CLOSED
        self._take_leave(writer, self.session.limits.request_seconds if client else _FAREWELL)

    def _take_leave(self, writer: asyncio.StreamWriter, seconds: float) -> None:
        """Closes. The peer has some time to take what was written, then it is cut off."""
        writer.close()
        task = asyncio.create_task(_end_of(writer, seconds))
        self._closing[task] = writer
        task.add_done_callback(self._closing.pop)

    @staticmethod
    async def _until_cancelled() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return

    async def _keep_pace(self) -> None:
        for io in self.transports.values():
            if isinstance(io.writer, asyncio.StreamWriter) and _is_behind(io.writer):
                await self.drain_writers()
                return

    async def drain_writers(self) -> None:
        """Waits for whoever reads slowly. One whose connection broke is let go; not so a client whose
        answer is to be kept: all that hangs on it would end, and what the partner says with it."""
        async with self._drain_lock:
            for connection, io in list(self.transports.items()):
                if not isinstance(io.writer, asyncio.StreamWriter):
                    continue
                try:
                    await io.writer.drain()
                except OSError:
                    wanted = connection is self.client and self.session.keeps_answer
                    if io.handler and not wanted:
                        io.handler.cancel()

    async def pause(self) -> None:
        """Lets others run, and waits for slow readers; one that takes nothing is cut off."""
        await asyncio.sleep(0)
        try:
            async with asyncio.timeout(self.session.limits.request_seconds):
                await self._keep_pace()
        except TimeoutError:
            self.abort()

    def log(self, *_: object, **__: object) -> None:
        """Drops what mitmproxy says: its log lines quote peers; ours are written where things are decided (P16)."""

    # --- dialling -------------------------------------------------------------------------------

    async def open_connection(self, command: commands.OpenConnection) -> None:
        """Dials for a layer, and reads from what it dialled."""
        connection = command.connection
        error: GatewayError | None = None
        guard = Guard()
        with guard:
            reader, writer = await self._dialer.dial(connection)
            guard.clear()
        if guard.verdict is not CLEARED:
            error = guard.verdict if isinstance(guard.verdict, GatewayError) else InternalError()
            self.transports.pop(connection, None)
            connection.error = error.code
            self.session.dial_error = error
            self.dispatch(events.OpenConnectionCompleted(command, error.code))
            return
        connection.state = ConnectionState.OPEN
        connection.peername = writer.get_extra_info("peername")
        connection.sockname = writer.get_extra_info("sockname")
        io = self.transports[connection]
        io.reader, io.writer = reader, writer
        self.dispatch(events.OpenConnectionCompleted(command, None))
        await self.handle_connection(connection)


def _begun(
    coroutine: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop
) -> asyncio.Task[None]:
    """A task that has begun, where Python can: most of what is done here never has to wait."""
    if sys.version_info >= (3, 12):
        return asyncio.Task(coroutine, loop=loop, eager_start=True)
    return loop.create_task(coroutine)


async def _end_of(writer: asyncio.StreamWriter, seconds: float) -> None:
    # Not `asyncio.timeout`, which would cancel what the second wait waits for.
    end = asyncio.ensure_future(writer.wait_closed())
    await asyncio.wait([end], timeout=seconds)
    writer.transport.abort()
    await asyncio.wait([end])
    end.exception()  # a reset, perhaps: closed is closed


def _is_behind(writer: asyncio.StreamWriter) -> bool:
    return writer.transport.get_write_buffer_size() > CHUNK
