from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class BusinessesConfig(AppConfig):
    name = "parley.businesses"
    verbose_name = "Businesses and people"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # A database that was emptied ("flush") is not migrated again, and no business can be without a plan.
        post_migrate.connect(_plans, sender=self)


def _plans(using: str, **_: Any) -> None:
    from parley.businesses.models import Plan
    from parley.businesses.plans import make_first_plans

    make_first_plans(Plan, using)
