"""The tests' own server is what Django's settings name."""

import os

import psycopg
import pytest
from asgiref.sync import sync_to_async
from django.apps import apps
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django import app

from parley.businesses.models import Plan
from tests.people import make_house


@pytest.mark.skipif("var/test-postgres" not in os.environ["DATABASE_URL"], reason="another server was given")
def test_django_and_the_environment_name_the_same_fast_server() -> None:
    from django.conf import settings

    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("off",)
        assert settings.DATABASES["default"]["HOST"] == connection.info.host


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", ["first", "second"])
def test_a_test_that_commits_leaves_what_a_migration_makes_and_nothing_else(turn: str) -> None:
    """The second finds what the first left; both find the plans and packs that no business can be without."""
    assert not Plan.objects.filter(name="Changed").exists()
    full = {model._meta.label for model in apps.get_models() if model._default_manager.exists()}
    assert full == {"auth.Permission", "contenttypes.ContentType", "businesses.Plan", "quota.Pack"}
    Plan.objects.update(name="Changed")
    assert make_house().business.plan.name == "Changed"
    app.configure_task("left behind", allow_unknown=True).defer()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", ["first", "second"])
async def test_an_asynchronous_test_leaves_no_connection_to_the_next(turn: str) -> None:
    """Whatever ends all sessions would leave a dead one, in a thread that lives as long as the process."""
    began = timezone.now()

    def since() -> object:
        with connection.cursor() as cursor:
            cursor.execute("SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()")
            return cursor.fetchone()[0]

    assert await sync_to_async(since)() >= began
