"""The `parley` command."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

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

    backup = commands.add_parser("backup", help="keep everything in one file")
    backup.add_argument("file", type=Path)
    backup.set_defaults(run=_backup)

    restore = commands.add_parser("restore", help="make the database what a backup holds")
    restore.add_argument("file", type=Path)
    restore.add_argument(
        "--replace", action="store_true", help="throw away what the database holds now, and its secret key"
    )
    restore.set_defaults(run=_restore)

    release = commands.add_parser("release", help="after a restore: what is not settled yet; or send again")
    release.add_argument("--yes", action="store_true", help="send again now, whatever is not settled")
    release.set_defaults(run=_release)

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


def _backup(arguments: argparse.Namespace) -> int:
    from parley.config import backup

    with _surroundings(database=True):
        env = Environment.read(os.environ)
        key = env.secret_key_file if not os.environ.get("PARLEY_SECRET_KEY") else None
        try:
            made = backup.back_up(os.environ["DATABASE_URL"], arguments.file, key, env.pg_bin)
        except backup.BackupFailed as failure:
            print(f"parley: {failure}", file=sys.stderr)
            return 1
    size = arguments.file.stat().st_size / 1e6
    print(
        f"Kept in {arguments.file}: {size:,.1f} MB, all that was there at {made.began:%Y-%m-%d %H:%M:%S} UTC.\n"
        "It holds everything, texts and clients and the secret key too, and it is not encrypted. Only your account on\n"
        "this machine can read it: keep it where nobody else can."
    )
    if key is None:
        print("The secret key is not in it, for PARLEY_SECRET_KEY gives it: keep that as well.")
    return 0


def _restore(arguments: argparse.Namespace) -> int:
    from parley.config import backup

    with _django():
        from django.db.migrations.loader import MigrationLoader

        from parley.config import schema
        from parley.messaging import quarantine

        env = Environment.read(os.environ)
        url = os.environ["DATABASE_URL"]
        known = MigrationLoader(None).disk_migrations or {}
        try:
            made = backup.restore(
                url,
                arguments.file,
                replace=arguments.replace,
                quarantine=quarantine.entering,
                migrations=frozenset(f"{app}.{name}" for app, name in known),
                secret_key_file=env.secret_key_file if not os.environ.get("PARLEY_SECRET_KEY") else None,
                programs=env.pg_bin,
            )
        except backup.BackupFailed as failure:
            print(f"parley: {failure}", file=sys.stderr)
            return 1
        schema.bring_up_to_date(url)
    print(
        f"The database is what it was at {made.began:%Y-%m-%d %H:%M:%S} UTC. Texts wait.\n"
        "\n"
        "Now start Parley. It asks the carrier what was sent and what came in since then, puts it into the\n"
        "conversations, obeys everybody who opted out by text, and sends again by itself when all of that is known.\n"
        "It takes three minutes at least. `parley release` says how far it is.\n"
        "\n"
        "What only this database knew is lost from that moment on: opt-outs and agreements that members wrote down,\n"
        "clients that were erased or changed, notes, settings, members, what texts had cost and which were bought.\n"
        "Ask your team what they wrote down since. Emails that waited then say “May not have arrived”."
    )
    return 0


def _release(arguments: argparse.Namespace) -> int:
    with _django():
        from parley.messaging import quarantine
        from parley.messaging.patience import patience

        seen = quarantine.report(patience())
        if seen is None:
            print("Nothing to release: texts leave as always.")
            return 0
        print(
            f"Texts wait since {seen.quarantined_at:%Y-%m-%d %H:%M:%S} UTC: the database may lack what happened after "
            f"{seen.since:%Y-%m-%d %H:%M:%S} UTC.\n"
            f"  texts that wait                            {seen.texts:,}\n"
            f"  texts of which nobody knows if they left   {seen.unknown:,}\n"
            f"  numbers whose log is not settled yet       {seen.numbers:,}\n"
            f"  texts found there and not read yet         {seen.unread:,}"
        )
        if seen.trouble:
            print(seen.trouble)
        if not arguments.yes:
            print(
                "They leave by themselves when all of it is settled. With --yes they leave now: some may be sent a "
                "second time, and some to people who have opted out."
            )
            return 1
        quarantine.release_by_hand()
        print("Released: texts leave again.")
    return 0


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

        from parley.config import logs

        django.setup()
        sys.excepthook = logs.excepthook
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
