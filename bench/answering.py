"""A bare answering socket in the place of a carrier: it takes every create-message request, as fast as it goes.

It answers as Twilio does and keeps what it took, for whoever counts: `GET /taken` gives a line (sid, to, body) for
each request. Run as a program it prints its port and serves until told to stop.
"""

from __future__ import annotations

import asyncio
import json
import signal
from urllib.parse import parse_qs

import uvloop

HEAD = b"HTTP/1.1 201 CREATED\r\nContent-Type: application/json;charset=utf-8\r\nContent-Length: %d\r\n\r\n"


def answer(sid: str) -> bytes:
    """Twilio's answer to a create-message request, of its usual size."""
    account = "AC" + "0" * 32
    path = f"/2010-04-01/Accounts/{account}/Messages/{sid}"
    body = {
        "account_sid": account,
        "api_version": "2010-04-01",
        "body": "x" * 100,
        "date_created": "Thu, 26 Nov 2026 09:00:00 +0000",
        "date_sent": None,
        "date_updated": "Thu, 26 Nov 2026 09:00:00 +0000",
        "direction": "outbound-api",
        "error_code": None,
        "error_message": None,
        "from": "+18555550100",
        "messaging_service_sid": None,
        "num_media": "0",
        "num_segments": "1",
        "price": None,
        "price_unit": "USD",
        "sid": sid,
        "status": "queued",
        "subresource_uris": {"media": f"{path}/Media.json"},
        "to": "+15035550118",
        "uri": f"{path}.json",
    }
    encoded = json.dumps(body).encode()
    return HEAD % len(encoded) + encoded


# Only the sid differs, and it is always as long: the rest is made once.
PARTS = answer("SM" + "?" * 32).split(b"SM" + b"?" * 32)


class Connection(asyncio.Protocol):
    def __init__(self, taken: list[bytes]) -> None:
        self.taken = taken
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        while (end := self.received.find(b"\r\n\r\n")) >= 0:
            head = self.received[:end]
            length = _length(head)
            if len(self.received) < end + 4 + length:
                return
            form = self.received[end + 4 : end + 4 + length]
            self.received = self.received[end + 4 + length :]
            if head.startswith(b"POST "):
                self.taken.append(form)
                sid = b"SM%032x" % len(self.taken)
                self.transport.write(sid.join(PARTS))
            else:
                said = self._told()
                self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(said) + said)

    def _told(self) -> bytes:
        lines = []
        for place, form in enumerate(self.taken, start=1):
            fields = parse_qs(form.decode())
            lines.append(json.dumps([f"SM{place:032x}", fields["To"][0], fields["Body"][0]]))
        return "\n".join(lines).encode()


def _length(head: bytes) -> int:
    lowered = head.lower()
    found = lowered.find(b"content-length:")
    return int(lowered[found + 15 :].split(b"\r\n", 1)[0]) if found >= 0 else 0


async def main() -> None:
    taken: list[bytes] = []
    server = await asyncio.get_running_loop().create_server(lambda: Connection(taken), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    await over.wait()


if __name__ == "__main__":
    uvloop.run(main())
