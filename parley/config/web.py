"""`parley web`: the server around the ASGI shell."""

from __future__ import annotations

import asyncio
import sys
from types import FrameType

import uvicorn

from parley.config.environment import env


class Server(uvicorn.Server):
    """uvicorn ends open connections before it says so to the application: open pages would use up the whole grace."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        from parley.config.asgi import application

        asyncio.get_running_loop().call_soon_threadsafe(
            lambda: asyncio.ensure_future(application.hub.close())
        )
        super().handle_exit(sig, frame)


def run() -> None:
    """Serve until told to stop. A taken port ends the process with code 2."""
    config = uvicorn.Config(
        "parley.config.asgi:application",
        host=env.bind,
        port=env.port,
        loop="uvloop",
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=4096,
        timeout_graceful_shutdown=10,
        proxy_headers=False,
    )
    server = Server(config)
    server.run()
    if not server.started:
        sys.exit(2)
