"""What `parley up` runs: the house of this machine, with or without the demo's pretend world."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

import psycopg

from parley.config.embedded_postgres import EmbeddedPostgres
from parley.config.environment import Environment
from parley.config.schema import is_current
from parley.config.secret_key import keep_secret_key
from parley.config.supervisor import Broken, House, Port, Program


def parley(name: str, *command: str, health: str | None = None, once: bool = False) -> Program:
    """One of Parley's own commands, run by this same Python. Without `command` it is called like `name`."""
    return Program(name, (sys.executable, "-m", "parley", *(command or (name,))), health, once)


def house(env: Environment) -> House:
    """The house that `env` asks for. Makes the secret key if there is none."""
    if not env.secret_key:
        keep_secret_key(env.secret_key_file)
    database = None if env.database_url else EmbeddedPostgres(env.data / "postgres", programs=env.pg_bin)
    ports = [Port("PARLEY_PORT", env.port, env.bind)]
    guests = []
    if env.demo:
        ports += [
            Port("PARLEY_SANDBOX_PORT", env.sandbox_port, env.bind),
            Port("PARLEY_MAILBOX_PORT", env.mailbox_port, env.bind),
            Port("PARLEY_SMTP_PORT", env.smtp_port, env.bind),
        ]
        guests.append(parley("sandbox", health=f"{_sandbox(env)}/sandbox/health"))
    return House(
        data=env.data,
        database=database,
        variables=variables(env),
        ports=ports,
        guests=guests,
        stages=lambda given: stages(env, given),
        welcome=welcome(env),
    )


def variables(env: Environment) -> Mapping[str, str]:
    """The children's environment. In the demo, all that could leave this machine goes to the sandbox."""
    given = {
        **os.environ,
        "PYTHONUNBUFFERED": "1",
        "PARLEY_DATA": str(env.data),
        "PARLEY_PUBLIC_URL": env.public_url,
    }
    if env.demo:
        from parley.sandbox.account import ACCOUNT_SID, AUTH_TOKEN, PAYMENT_KEY, WEBHOOK_SECRET

        given |= {
            "PARLEY_DEMO": "1",
            "PARLEY_PORT": str(env.port),
            "PARLEY_BIND": env.bind,
            "PARLEY_SANDBOX_PORT": str(env.sandbox_port),
            "PARLEY_MAILBOX_PORT": str(env.mailbox_port),
            "PARLEY_SANDBOX_URL": _sandbox(env),
            "PARLEY_TWILIO_API_URL": _sandbox(env),
            "PARLEY_TWILIO_ACCOUNT_SID": ACCOUNT_SID,
            "PARLEY_TWILIO_AUTH_TOKEN": AUTH_TOKEN,
            "PARLEY_STRIPE_URL": _sandbox(env),
            "PARLEY_STRIPE_KEY": PAYMENT_KEY,
            "PARLEY_STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "PARLEY_SMTP_HOST": _reached_at(env.bind).strip("[]"),
            "PARLEY_SMTP_PORT": str(env.smtp_port),
            "PARLEY_SMTP_SECURITY": "none",
            "PARLEY_SMTP_USER": "",
            "PARLEY_SMTP_PASSWORD": "",
        }
    return given


def stages(env: Environment, given: Mapping[str, str]) -> Sequence[Sequence[Program]]:
    """What starts after what, on a database that answers. Raises Broken if it does not.

    The sample data comes before the loops that would act on half of it.
    """
    try:
        migrated = is_current(given["DATABASE_URL"])
    except psycopg.OperationalError as error:
        raise Broken(f"The database cannot be reached: {error}") from None
    web = parley("web", health=f"http://{_reached_at(env.bind)}:{env.port}/healthz")
    sample = parley("sample", "manage", "load_sample", once=True)
    return [
        [] if migrated else [parley("migrate", once=True)],
        [web, sample] if env.demo else [web],
        [*(parley("texts") for _ in range(env.texts_processes)), parley("jobs")],
    ]


def welcome(env: Environment) -> str:
    """What to open, once everything answers."""
    if not env.demo:
        return f"\nParley is ready: {env.public_url}\nCtrl-C stops it.\n"
    return f"""
Parley is ready.

  Parley              {env.public_url}
  Carrier simulator   http://localhost:{env.sandbox_port}
  Mailbox             http://localhost:{env.mailbox_port}

Open Parley and sign in with one click, as the owner of the sample business. Ctrl-C stops everything.
"""


def _sandbox(env: Environment) -> str:
    return f"http://{_reached_at(env.bind)}:{env.sandbox_port}"


def _reached_at(bind: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(bind, f"[{bind}]" if ":" in bind else bind)  # noqa: S104
