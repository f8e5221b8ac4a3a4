"""Where the database is, for the loops that speak to it without Django's ORM; and how a cut line to it is noticed.

A machine that the network cuts off says goodbye to nobody. As systems ship, its own side waits two hours and the
server 15 minutes to two hours: so long its locks would hold back all other machines.

    our side       CUT seconds: then the connection is closed here, and made again
    the server's   `let_go` seconds: then it ends the session, with all locks; also one that stays in a transaction
                   without a word, as a machine that is frozen does

The server must not be the first where a session's locks guard what a process does outside of the database (R6).
Times in seconds. Sources: PostgreSQL 18, "Connections and Authentication" (19.3.2), "Database Connection Control
Functions" (32.1.2), and tcp(7); reviewed 2026-11-26.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.db import connections
from psycopg.conninfo import make_conninfo

_NAMES = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}

CUT = 9
LET_GO = 12
# A page or a job may think between two statements; the loops never do.
THINKING = 60


def noticing(given: Mapping[str, str], let_go: int = LET_GO, thinking: int = THINKING) -> dict[str, str]:
    """libpq's parameters `given`, and with them what makes both sides notice a cut.

    `let_go` and `thinking`: after how many seconds the server ends a session that is cut off, and one that says
    nothing in the middle of a transaction. On a socket of the same machine the network's part does nothing. A pooler
    in between must let `options` pass.
    """
    server = {
        # Nothing under way: the kernel asks after half the time.
        "tcp_keepalives_idle": let_go - let_go // 2,
        "tcp_keepalives_interval": let_go // 6,
        "tcp_keepalives_count": 3,
        # Something under way: the kernel asks nothing then, and would go on sending for 15 minutes.
        "tcp_user_timeout": let_go * 1000,
        # At work for us or in line for a lock: the server looks at the network so often.
        "client_connection_check_interval": 2000,
        "idle_in_transaction_session_timeout": thinking * 1000,
    }
    options = " ".join(f"-c {name}={value}" for name, value in server.items())
    ours = {
        "connect_timeout": "5",
        "keepalives_idle": str(CUT - 4),
        "keepalives_interval": "1",
        "keepalives_count": "4",
        "tcp_user_timeout": str(CUT * 1000),
    }
    # Of two options that say the same the server takes the last.
    return {**ours, **given, "options": f"{given.get('options', '')} {options}".strip()}


def conninfo(purpose: str, let_go: int = LET_GO, silent: int = 0) -> str:
    """The address of Django's own database; `purpose` is what the server shows in pg_stat_activity.

    `let_go`: after how many seconds the server ends this session, once it is cut off, or frozen in a transaction.
    `silent`: after how many it ends it because nothing was said outside of one; 0: never.
    """
    settings = connections["default"].settings_dict
    address = {libpq: str(settings[name]) for name, libpq in _NAMES.items() if settings.get(name)}
    # What DATABASE_URL says beside the address (TLS) is meant for the loops too.
    given = {name: str(value) for name, value in settings["OPTIONS"].items()}
    parts = address | noticing(given, let_go, thinking=let_go) | {"application_name": f"parley {purpose}"}
    if silent:
        parts["options"] += f" -c idle_session_timeout={silent * 1000}"
    return make_conninfo("", **parts)
