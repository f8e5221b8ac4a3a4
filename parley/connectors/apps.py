from django.apps import AppConfig


class ConnectorsConfig(AppConfig):
    name = "parley.connectors"
    default_auto_field = "django.db.models.BigAutoField"
