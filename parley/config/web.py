"""`parley web`: the server around the ASGI shell, in one process or in several that share the port.

Several have a first process, uvicorn's, which only watches: it binds the port, starts the others, starts one that died
or no longer answers again, and passes the end on. The port is its own, so connections wait while a process is missing.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import time
from types import FrameType

import django
import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import multiprocess

from parley.config.embedded_postgres import end_with_parent
from parley.config.environment import env

log = logging.getLogger(__name__)

# Seconds that a process may take to start, on a busy machine.
STARTS = 60.0


class Server(uvicorn.Server):
    """uvicorn ends open connections before it says so to the application: open pages would use up the whole grace."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        from parley.config.asgi import application

        asyncio.get_running_loop().call_soon_threadsafe(
            lambda: asyncio.ensure_future(application.hub.close())
        )
        super().handle_exit(sig, frame)

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        django.setup()
        super().run(sockets)


class Worker(multiprocess.Process):
    """One of several. Without its first process nobody would start it again or end it, so it goes too."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket]) -> None:
        self._first = os.getpid()
        self._starts_until = time.monotonic() + STARTS
        super().__init__(config, sockets)

    def is_alive(self, timeout: float = 5) -> bool:
        """One that still starts cannot answer: nobody waits for that while another may be gone."""
        if time.monotonic() < self._starts_until:
            return self.process.is_alive()
        return super().is_alive(timeout)

    def target(self, sockets: list[socket.socket] | None = None) -> None:
        end_with_parent(self._first, signal.SIGTERM)
        try:
            self._server = Server(self.config)
            super().target(sockets)
        except Exception:
            # The next would fail alike: so the first ends too, and whoever started that waits before the next try.
            log.exception("a process of the web server failed")
            sys.exit(STARTUP_FAILURE)


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
        workers=env.web_processes,
        # One that does not answer the first for so long (seconds) is hung, and started anew.
        timeout_worker_healthcheck=10,
    )
    if env.web_processes == 1:
        server = Server(config)
        server.run()
        if not server.started:
            sys.exit(2)
    else:
        _run_several(config)


def _run_several(config: uvicorn.Config) -> None:
    try:
        port = config.bind_socket()
    except SystemExit:
        sys.exit(2)
    # uvicorn names its class of processes and takes none of ours.
    multiprocess.Process = Worker  # type: ignore[misc]
    watch = multiprocess.Multiprocess(config, [port])
    watch.run()
    if any(process.exitcode == STARTUP_FAILURE for process in watch.processes):
        sys.exit(1)
