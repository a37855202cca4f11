"""A stand-in for the web server that behaves like Granian: when it is killed, its worker stays.

``python -I -S stand_in_web.py PORT [stubborn]``; a stubborn one does not end by SIGTERM either.
"""

import os
import signal
import socket
import sys


def serve(port: int) -> None:
    """Answer every request on a port that may be shared, as Granian's workers do."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                body = str(os.getpid()).encode()
                connection.sendall(
                    b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
                    % (len(body), body)
                )


def main() -> None:
    """Fork one worker and wait for it."""
    if "stubborn" in sys.argv:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    worker = os.fork()
    if worker == 0:
        serve(int(sys.argv[1]))
    if "stubborn" not in sys.argv:
        signal.signal(signal.SIGTERM, lambda *_: os.kill(worker, signal.SIGKILL))
    os.waitpid(worker, 0)


if __name__ == "__main__":
    main()
