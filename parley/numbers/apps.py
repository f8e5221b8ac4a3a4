from django.apps import AppConfig


class NumbersConfig(AppConfig):
    name = "parley.numbers"
    default_auto_field = "django.db.models.BigAutoField"
