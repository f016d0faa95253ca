# SPDX-License-Identifier: ISC
"""A web server that says what a test tells it to."""
import re
import socket
import ssl
import threading

PLAIN = "Content-Type: text/plain\r\n"


def answer(text, status="200 OK", head=PLAIN):
    """The answer of a web server."""
    return (f"HTTP/1.1 {status}\r\n{head}Content-Length: {len(text)}\r\n\r\n"
            + text).encode()


class Web:
    """A web server; says: the octets of each answer, or a function."""

    def __init__(self, pem, port=443):
        self.says, self.pem, self.asked, self.bodies = b"", pem, [], []
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        """One connection after the other."""
        while True:
            sock, _ = self.listener.accept()
            try:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(self.pem)
                sock.settimeout(10)
                with context.wrap_socket(sock, server_side=True) as tls:
                    self.serve(tls)
            except OSError:
                sock.close()

    def serve(self, tls):
        """One request."""
        request = b""
        while b"\r\n\r\n" not in request:
            more = tls.recv(4096)
            if not more:
                return
            request += more
        head, _, body = request.partition(b"\r\n\r\n")
        length = re.search(rb"\nContent-Length: (\d+)", head)
        while length and len(body) < int(length[1]):
            more = tls.recv(4096)
            if not more:
                return
            body += more
        self.asked.append(head.decode() + "\r\n\r\n")
        self.bodies += [body] if length else []
        if callable(self.says):
            self.says(tls)
        else:
            tls.sendall(self.says)
