"""A TLS server and a TLS proxy that write down what they hear, each connection in a thread of its own."""
import contextlib
import select
import socket
import ssl
import struct
import threading
import time

from programs import harness


class Heard:
    """One connection: what came after the handshake, whether that was finished, and whether it resumed a session."""

    def __init__(self):
        self.bytes = b""
        self.finished = self.resumed = False


class Listener(contextlib.AbstractContextManager):
    """Listens from `with` on. `heard` holds a Heard for each connection, complete after `finish`."""

    def __init__(self, certificate="server", version="1.3", address="127.0.0.1"):
        chain = harness.PKI / f"{certificate}-chain.pem"
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = self.context.maximum_version = harness.VERSIONS[version]
        key = harness.PKI / f"{certificate}.key"
        self.context.load_cert_chain(chain if chain.exists() else harness.PKI / f"{certificate}.pem",
                                     key if key.exists() else harness.PKI / "server.key")
        self.heard, self.open, self.threads = [], [], []
        self.socket = socket.create_server((address, 0), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
        self.port = self.socket.getsockname()[1]
        self.acceptor = threading.Thread(target=self.accept_all)
        self.acceptor.start()

    def accept_all(self):
        with contextlib.suppress(OSError):
            while True:
                plain = self.socket.accept()[0]
                plain.settimeout(2 * harness.PATIENCE)
                self.heard.append(Heard())
                self.open.append(plain)
                self.threads.append(threading.Thread(target=self.run, args=(plain, self.heard[-1])))
                self.threads[-1].start()

    def run(self, plain, heard):
        """A client that breaks off is what is tested."""
        with plain, contextlib.suppress(OSError):
            with self.context.wrap_socket(plain, server_side=True) as connection:
                heard.finished, heard.resumed = True, connection.session_reused
                self.serve(connection, heard)
                with contextlib.suppress(OSError):
                    connection.unwrap()  # else OpenSSL drops the session

    def finish(self):
        """After the clients have gone. A connection that stays open is cut."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.acceptor.join()
        for thread in self.threads:
            thread.join(harness.PATIENCE)
        for plain in self.open:
            with contextlib.suppress(OSError):
                plain.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join()
        return self.heard

    def __exit__(self, *_):
        self.finish()


class Server(Listener):
    """Answers every request: /404 with that status, /to?URL with a redirection, /until?TIME not before that time, and all
    else with a greeting."""

    def serve(self, connection, heard):
        rest = b""
        while part := connection.recv(65536):
            heard.bytes += part
            rest += part
            while b"\r\n\r\n" in rest:
                head, _, rest = rest.partition(b"\r\n\r\n")
                connection.sendall(self.answer(head.split()[1].decode()))

    @staticmethod
    def answer(path):
        status, more = "200 OK", ""
        if path == "/404":
            status = "404 Not Found"
        elif path.startswith("/to?"):
            status, more = "302 Found", f"Location: {path[4:]}\r\n"
        elif path.startswith("/until?"):
            time.sleep(max(0, float(path[7:]) - time.time()))
        return f"HTTP/1.1 {status}\r\n{more}Content-Length: 6\r\n\r\nhello\n".encode()


class Http2Server(Listener):
    """Answers every request with status 200 and nothing else. Its `heard.bytes` are a line for each request."""
    PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    HEADERS, SETTINGS = 1, 4  # types of frames
    ACK, ALL = 1, 5  # their flags: the settings are taken; this is the end of the headers and of the stream

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.context.set_alpn_protocols(["h2"])

    @staticmethod
    def frame(kind, flags, stream, payload=b""):
        return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload

    def serve(self, connection, heard):
        """RFC 9113, 4.1; the payload of the answer is ":status: 200" of RFC 7541, appendix A."""
        with connection.makefile("rb") as stream:
            if stream.read(len(self.PREFACE)) != self.PREFACE:
                heard.bytes = b"not HTTP/2"
                return
            connection.sendall(self.frame(self.SETTINGS, 0, 0))
            while len(head := stream.read(9)) == 9:
                length, kind, flags, number = struct.unpack(">IBBI", b"\0" + head)
                stream.read(length)
                if kind == self.SETTINGS and not flags & self.ACK:
                    connection.sendall(self.frame(self.SETTINGS, self.ACK, 0))
                elif kind == self.HEADERS:
                    heard.bytes += b"GET /\n"
                    connection.sendall(self.frame(self.HEADERS, self.ALL, number, b"\x88"))


class Proxy(Listener):
    """Connects to 127.0.0.1, whatever name is asked for."""

    def serve(self, connection, heard):
        while b"\r\n\r\n" not in heard.bytes:
            part = connection.recv(65536)
            if not part:
                return
            heard.bytes += part
        port = heard.bytes.split()[1].rpartition(b":")[2]
        with socket.create_connection(("127.0.0.1", int(port)), timeout=2 * harness.PATIENCE) as onward:
            connection.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            self.relay({connection: onward, onward: connection}, getattr(connection, "pending", int))

    @staticmethod
    def relay(other, pending):
        """In one thread: a TLS connection is not for two at once. `pending` tells what it has in memory already."""
        while True:
            ready = [next(iter(other))] if pending() else select.select(list(other), [], [], 2 * harness.PATIENCE)[0]
            for source in ready:
                part = source.recv(65536)
                if not part:
                    return
                other[source].sendall(part)
            if not ready:
                return


class PlainProxy(Proxy):
    """The same without TLS; it needs no certificate."""

    def __init__(self, _=None):
        super().__init__()

    def run(self, plain, heard):
        with plain, contextlib.suppress(OSError):
            self.serve(plain, heard)
