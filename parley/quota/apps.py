from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class QuotaConfig(AppConfig):
    name = "parley.quota"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from parley.quota import plan_changes

        plan_changes.listen()
        # A database that was emptied ("flush") is not migrated again.
        post_migrate.connect(_packs, sender=self)


def _packs(using: str, **_: Any) -> None:
    from parley.quota.models import Pack
    from parley.quota.packs import make_first_packs

    make_first_packs(Pack, using)
