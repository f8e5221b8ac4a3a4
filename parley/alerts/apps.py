from django.apps import AppConfig


class AlertsConfig(AppConfig):
    name = "parley.alerts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.db.models.signals import pre_save

        from parley.alerts import planning, tasks
        from parley.businesses.models import Business
        from parley.clients import happened

        happened.listen(planning.plan)
        pre_save.connect(tasks.follow_zone, sender=Business)
