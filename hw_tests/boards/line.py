"""A line between a client and a board that is as slow, or as bad, as a test wants: TCP to TCP."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_PIECE = 64
_WAIT_S = 0.2


@dataclass
class Line:
    """What happens between the two ends, and what has happened.

    Attributes
    ----------
    board_port : int
        Where the board listens, on the loopback interface.
    baud : int
        Bits a second each way, ten to a byte; 0 for as fast as it goes.
    cut_after : int, optional
        The connection is lost, once, when so many bytes have gone to the board.
    stall_after : int, optional
        The line is silent both ways for `stall_s`, once, when so many bytes have gone to the board; what is
        on the way comes late, not never.
    stall_s : float
        Seconds.
    damage : float
        Share of bytes in which one bit is flipped.
    dropped : float
        Share of bytes that are lost.
    seed : int
        Of the damage and of the loss.
    port : int
        Where the client connects; each connection makes one to the board.
    to_board, from_board : int
        Bytes that have gone.
    lost : int
        Bytes of them that did not arrive, both ways.
    """

    board_port: int
    baud: int = 0
    cut_after: int | None = None
    stall_after: int | None = None
    stall_s: float = 0.0
    damage: float = 0.0
    dropped: float = 0.0
    seed: int = 0
    port: int = 0
    to_board: int = 0
    from_board: int = 0
    lost: int = 0
    _silent_until: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        """The client's end as pyserial names it."""
        return f"socket://127.0.0.1:{self.port}"

    def serve(self, listener: socket.socket, stop: threading.Event) -> None:
        """Take one connection after another."""
        listener.settimeout(_WAIT_S)
        while not stop.is_set():
            with contextlib.suppress(TimeoutError, OSError):
                client, _ = listener.accept()
                self._carry(client, stop)

    def _carry(self, client: socket.socket, stop: threading.Event) -> None:
        with client, contextlib.suppress(OSError):
            board = socket.create_connection(("127.0.0.1", self.board_port), 5.0)
            with board:
                over = threading.Event()
                ways = [
                    threading.Thread(target=self._pump, args=(client, board, True, over, stop)),
                    threading.Thread(target=self._pump, args=(board, client, False, over, stop)),
                ]
                for way in ways:
                    way.start()
                for way in ways:
                    way.join()

    def _pump(
        self,
        source: socket.socket,
        target: socket.socket,
        is_to_board: bool,
        over: threading.Event,
        stop: threading.Event,
    ) -> None:
        """Carry bytes one way until either end is gone, the line is cut, or the test is over."""
        source.settimeout(_WAIT_S)
        target.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        chance = random.Random(self.seed + is_to_board)
        free_at = time.monotonic()
        while not (over.is_set() or stop.is_set()):
            try:
                piece = bytearray(source.recv(_PIECE))
                if not piece:
                    break
                cut = self._count(piece, is_to_board)
                if self.baud:
                    free_at = max(free_at, time.monotonic()) + len(piece) * 10 / self.baud
                    time.sleep(max(0.0, free_at - time.monotonic()))
                self._keep_silence(over, stop)
                target.sendall(self._worn(piece, chance))
                if cut:
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        over.set()

    def _keep_silence(self, over: threading.Event, stop: threading.Event) -> None:
        while not (over.is_set() or stop.is_set()):
            left = self._silent_until - time.monotonic()
            if left <= 0:
                break
            time.sleep(min(left, _WAIT_S))

    def _worn(self, piece: bytearray, chance: random.Random) -> bytes:
        """What of a piece arrives."""
        left = bytearray()
        for byte in piece:
            if self.dropped and chance.random() < self.dropped:
                continue
            flipped = 1 << chance.randrange(8) if chance.random() < self.damage else 0
            left.append(byte ^ flipped)
        with self._lock:
            self.lost += len(piece) - len(left)
        return bytes(left)

    def _count(self, piece: bytearray, is_to_board: bool) -> bool:
        """Count a piece, shortened to where the line is to be cut; whether it is."""
        with self._lock:
            if not is_to_board:
                self.from_board += len(piece)
                return False
            cut = self.cut_after is not None and self.to_board + len(piece) >= self.cut_after
            if cut:
                assert self.cut_after is not None
                del piece[self.cut_after - self.to_board :]
                self.cut_after = None
            self.to_board += len(piece)
            if self.stall_after is not None and self.to_board >= self.stall_after:
                self.stall_after = None
                self._silent_until = time.monotonic() + self.stall_s
            return cut


@contextmanager
def line_to(
    board_port: int,
    *,
    baud: int = 0,
    cut_after: int | None = None,
    stall_after: int | None = None,
    stall_s: float = 0.0,
    damage: float = 0.0,
    dropped: float = 0.0,
    seed: int = 0,
) -> Iterator[Line]:
    """Lay a line to a board, and take it away; see `Line` for what may be wrong with it."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        line = Line(
            board_port,
            baud=baud,
            cut_after=cut_after,
            stall_after=stall_after,
            stall_s=stall_s,
            damage=damage,
            dropped=dropped,
            seed=seed,
            port=listener.getsockname()[1],
        )
        thread = threading.Thread(target=line.serve, args=(listener, stop))
        thread.start()
        try:
            yield line
        finally:
            stop.set()
            thread.join()
