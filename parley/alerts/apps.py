from django.apps import AppConfig


class AlertsConfig(AppConfig):
    name = "parley.alerts"
    default_auto_field = "django.db.models.BigAutoField"
