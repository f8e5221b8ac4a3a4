from django.apps import AppConfig


class QuotaConfig(AppConfig):
    name = "parley.quota"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from parley.quota import plan_changes

        plan_changes.listen()
