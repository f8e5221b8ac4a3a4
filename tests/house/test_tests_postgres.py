"""The tests' own server is what Django's settings name."""

import os

import psycopg
import pytest
from django.apps import apps
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
