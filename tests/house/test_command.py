"""The `parley` command by itself: settings in words, and a database for as long as it needs one."""

import sys
from collections.abc import Callable
from pathlib import Path

from parley import __version__
from parley.config.embedded_postgres import EmbeddedPostgres
from parley.config.environment import Environment
from parley.config.up import variables
from tests.house.conftest import Run

PARLEY = (sys.executable, "-m", "parley")


def test_it_says_its_version(start: Callable[..., Run]) -> None:
    run = start(*PARLEY, "version")
    assert (run.ends(), run.output) == (0, f"{__version__}\n")


def test_a_wrong_setting_ends_it_with_one_line(start: Callable[..., Run]) -> None:
    run = start(*PARLEY, "up", PARLEY_PORT="eighty")
    assert run.ends() == 2
    assert run.output == "parley: PARLEY_PORT is 'eighty', but must be a whole number from 1 to 65535\n"


def test_a_command_alone_has_a_database_for_its_own_time(start: Callable[..., Run], folder: Path) -> None:
    run = start(*PARLEY, "manage", "showmigrations", "contenttypes", PARLEY_DATA=str(folder / "data"))
    assert run.ends(60) == 0, run.output
    assert "[ ] 0001_initial" in run.output
    assert (folder / "data" / "secret_key").stat().st_mode & 0o777 == 0o600
    server = EmbeddedPostgres(folder / "data" / "postgres")
    assert not server.running()
    assert "database system is shut down" in server.log.read_text()


def test_a_command_beside_a_running_house_adopts_its_database(
    start: Callable[..., Run], tiny: Callable[..., Run], folder: Path
) -> None:
    house = tiny(database=True, programs={})
    house.says("everything answers")
    run = start(*PARLEY, "manage", "showmigrations", "contenttypes", PARLEY_DATA=str(folder / "data"))
    assert run.ends(60) == 0, run.output
    assert EmbeddedPostgres(folder / "data" / "postgres").running()


def test_a_given_database_is_used_and_none_is_started(
    start: Callable[..., Run], tiny: Callable[..., Run], folder: Path
) -> None:
    tiny(database=True, programs={}).says("everything answers")
    url = EmbeddedPostgres(folder / "data" / "postgres").url
    given = {"PARLEY_DATA": str(folder / "other"), "DATABASE_URL": url}
    run = start(*PARLEY, "manage", "showmigrations", "contenttypes", **given)
    assert run.ends(60) == 0, run.output
    assert sorted(path.name for path in (folder / "other").iterdir()) == ["secret_key"]


def test_a_command_that_needs_no_database_starts_none(start: Callable[..., Run], folder: Path) -> None:
    run = start(*PARLEY, "manage", "diffsettings", PARLEY_DATA=str(folder / "data"))
    assert run.ends(60) == 0, run.output
    assert not (folder / "data" / "postgres").exists()


def test_in_the_demo_nothing_can_leave_even_with_real_accounts_in_the_environment() -> None:
    real = {
        "PARLEY_DEMO": "1",
        "PARLEY_TWILIO_API_URL": "https://api.example.com",
        "PARLEY_SMTP_HOST": "mail.example.com",
        "PARLEY_SMTP_USER": "parley",
        "PARLEY_SMTP_SECURITY": "tls",
    }
    children = Environment.read(variables(Environment.read(real)))
    assert children.twilio_api_url == children.sandbox_url == "http://127.0.0.1:8001"
    assert (children.smtp_host, children.smtp_port, children.smtp_user) == ("127.0.0.1", 8026, "")
    assert children.smtp_security == "none"
