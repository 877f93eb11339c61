"""A TCP address in front of servers, as a proxy or a DNS name is: connections stay where they are, new ones follow."""

import socket
import threading


class Switchboard:
    """Listens on a port of 127.0.0.1 and leads each new connection to `target`."""

    def __init__(self, target: int) -> None:
        self.target, self.calls = target, 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._ends: list[socket.socket] = []

    def __enter__(self) -> "Switchboard":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind, error, trace) -> None:
        for end in (self._listener, *self._ends):
            end.close()

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            self.calls += 1
            server = socket.create_connection(("127.0.0.1", self.target))
            self._ends += [caller, server]
            for one, other in ((caller, server), (server, caller)):
                threading.Thread(target=_carry, args=(one, other), daemon=True).start()


def _carry(one: socket.socket, other: socket.socket) -> None:
    try:
        while data := one.recv(65536):
            other.sendall(data)
        other.shutdown(socket.SHUT_WR)
    except OSError:
        pass
