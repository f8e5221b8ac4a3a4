"""Django's own backend with two habits changed; named by `settings.DATABASES`."""

from __future__ import annotations

import select
from typing import Any

import psycopg
from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """A lasting connection that looks whether it was cut without asking PostgreSQL, and that may keep plans."""

    def is_usable(self) -> bool:
        """Whether the connection was not cut since its last statement.

        Django asks `SELECT 1` before every request. A connection that its server has closed (a restart, a backend that
        was ended) has something to read, so its socket says the same for a fraction of the price; only then, and after
        an error, is PostgreSQL asked.
        """
        if self.connection is None or self.errors_occurred:
            return super().is_usable()
        try:
            waiting = select.poll()
            waiting.register(self.connection.fileno(), select.POLLIN)
            quiet = not waiting.poll(0)
        except (psycopg.Error, OSError):
            return False
        return quiet or super().is_usable()

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(conn_params)
        # Django switches plans off for the sake of poolers. Its cursors never keep one; `planned` does, and a direct
        # connection is needed for LISTEN and for locks of a session anyway.
        connection.prepare_threshold = 5
        return connection
