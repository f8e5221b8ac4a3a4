"""The `parley` command."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from parley import __version__
from parley.config.embedded_postgres import EmbeddedPostgres, PostgresFailed
from parley.config.environment import BadEnvironment, Environment

# These run without a database; to start one for them (in a build, say) would be waste.
NO_DATABASE = {"check", "collectstatic", "compilemessages", "diffsettings", "help", "makemessages", "version"}


def main(given: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code: 2 for wrong settings or a server that cannot start."""
    arguments = _parser().parse_args(given)
    try:
        return arguments.run(arguments) or 0
    except (BadEnvironment, PostgresFailed) as error:
        print(f"parley: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="parley", description="Two-way business texting that you run yourself."
    )
    commands = parser.add_subparsers(required=True, metavar="command")

    up = commands.add_parser("up", help="run everything on this machine")
    up.add_argument(
        "--demo", action="store_true", help="with sample data and a pretend carrier; nothing leaves"
    )
    up.set_defaults(run=_up)

    for name, run, words in (
        ("web", _web, "only the web server"),
        ("texts", _texts, "only the loops that send and receive texts"),
        ("jobs", _jobs, "only the background jobs"),
        ("sandbox", _sandbox, "only the pretend carrier and mailbox"),
        ("migrate", _migrate, "bring the database to this version"),
        ("segments", _segments, "say what texts cost: JSON strings in, one a line, and JSON out"),
        ("version", _version, "say which version this is"),
    ):
        commands.add_parser(name, help=words).set_defaults(run=run)

    manage = commands.add_parser("manage", help="Django's commands", add_help=False)
    manage.add_argument("arguments", nargs=argparse.REMAINDER)
    manage.set_defaults(run=_manage)
    return parser


def _up(arguments: argparse.Namespace) -> int:
    from parley.config.supervisor import Supervisor
    from parley.config.up import house

    if arguments.demo:
        os.environ["PARLEY_DEMO"] = "1"
    return Supervisor(house(Environment.read(os.environ))).run()


def _web(arguments: argparse.Namespace) -> None:
    with _surroundings(database=True):
        from parley.config import web

        web.run()


def _texts(arguments: argparse.Namespace) -> None:
    with _django():
        from parley.messaging import loops

        loops.run()


def _jobs(arguments: argparse.Namespace) -> None:
    with _django():
        from parley.config import jobs

        jobs.run()


def _sandbox(arguments: argparse.Namespace) -> None:
    from parley.sandbox import server

    server.main()


def _migrate(arguments: argparse.Namespace) -> None:
    from parley.config import schema

    with _django():
        schema.bring_up_to_date(os.environ["DATABASE_URL"])


def _segments(arguments: argparse.Namespace) -> int:
    from parley.sms.segments import as_given

    for number, line in enumerate(sys.stdin.buffer, start=1):
        try:
            text = json.loads(line.decode())
        except (ValueError, RecursionError):
            text = None
        if not isinstance(text, str):
            print(f"parley: line {number} is not a JSON string in UTF-8", file=sys.stderr)
            return 2
        told = as_given(text)
        answer = {"encoding": told.encoding, "segments": told.segments, "units": told.units}
        try:
            print(json.dumps(answer), flush=True)
        except BrokenPipeError:  # whoever reads has had enough, as `head` has
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
    return 0


def _version(arguments: argparse.Namespace) -> None:
    print(__version__)


def _manage(arguments: argparse.Namespace) -> None:
    from django.core.management import execute_from_command_line

    named = [argument for argument in arguments.arguments if not argument.startswith("-")]
    with _surroundings(database=bool(named) and named[0] not in NO_DATABASE):
        execute_from_command_line(["parley manage", *arguments.arguments])


@contextmanager
def _django() -> Iterator[None]:
    with _surroundings(database=True):
        import django

        django.setup()
        yield


@contextmanager
def _surroundings(*, database: bool) -> Iterator[None]:
    """The secret key, and the database: the one DATABASE_URL names, else our own for as long as this runs."""
    from parley.config.secret_key import keep_secret_key

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "parley.config.settings")
    env = Environment.read(os.environ)
    if not env.secret_key:
        keep_secret_key(env.secret_key_file)
    if env.database_url or not database:
        yield
        return
    with EmbeddedPostgres(env.data / "postgres", programs=env.pg_bin) as server, _sigterm_as_exit():
        os.environ["DATABASE_URL"] = server.url
        yield


@contextmanager
def _sigterm_as_exit() -> Iterator[None]:
    """Leave through the `with` blocks on SIGTERM, so that a server of our own is stopped last."""
    before = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
