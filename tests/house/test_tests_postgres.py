"""The tests' own server is what Django's settings name."""

import os

import psycopg
import pytest


@pytest.mark.skipif("var/test-postgres" not in os.environ["DATABASE_URL"], reason="another server was given")
def test_django_and_the_environment_name_the_same_fast_server() -> None:
    from django.conf import settings

    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("off",)
        assert settings.DATABASES["default"]["HOST"] == connection.info.host
