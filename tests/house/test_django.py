"""Django's own checks, and no model without its migration."""

import pytest
from django.core.management import call_command


def test_django_finds_nothing_wrong() -> None:
    call_command("check", fail_level="WARNING")


@pytest.mark.django_db
def test_every_model_has_its_migration() -> None:
    call_command("makemigrations", check=True, dry_run=True)
