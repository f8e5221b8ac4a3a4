"""Where the database is, for the loops that speak to it without Django's ORM."""

from __future__ import annotations

from django.db import connections
from psycopg.conninfo import make_conninfo

_NAMES = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}


def conninfo(purpose: str) -> str:
    """The address of Django's own database; `purpose` is what the server shows in pg_stat_activity."""
    settings = connections["default"].settings_dict
    parts = {libpq: str(settings[name]) for name, libpq in _NAMES.items() if settings.get(name)}
    return make_conninfo("", **parts, application_name=f"parley {purpose}", keepalives_idle=30)
