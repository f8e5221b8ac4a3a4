from django.apps import AppConfig


class AlertsConfig(AppConfig):
    name = "parley.alerts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from parley.alerts import planning
        from parley.clients import happened

        happened.listen(planning.plan)
