"""A server in a thread, which treats each of its clients as a function of the test says."""
import contextlib
import socket
import ssl
import struct
import threading

import harness


def server_context(version="1.3", certificate="server", demand=False):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = harness.VERSIONS[version]
    context.load_cert_chain(harness.PKI / f"{certificate}-chain.pem", harness.PKI / f"{certificate}.key")
    if demand:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(harness.PKI / "root-ca.pem")
    return context


def reset(connection):
    """Closes with RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Fake(contextlib.AbstractContextManager):
    """Runs from `with` on; `treat` gets each connection, one after the other, and leaving waits for the last one."""

    def __init__(self, treat):
        self.treat, self.over = treat, threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        while True:
            connection, _ = self.listener.accept()
            with connection:
                if self.over.is_set():
                    return
                connection.settimeout(4 * harness.PATIENCE)
                with contextlib.suppress(OSError):  # the client may go when it likes
                    self.treat(connection)

    def __exit__(self, *_):
        self.over.set()
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port)).close()
        self.thread.join()
        self.listener.close()


def answering(answer, announced=True, version="1.3", requests=None):
    """Answers with these bytes; `announced`: with close_notify, without which anybody could have cut off the rest."""
    def treat(plain):
        with server_context(version).wrap_socket(plain, server_side=True) as connection:
            request = b""
            while not request.endswith(b"\r\n\r\n"):
                part = connection.recv(65536)
                if not part:
                    return
                request += part
            if requests is not None:
                requests.append(request)
            connection.sendall(answer)
            if announced:
                connection.unwrap().close()
    return treat
