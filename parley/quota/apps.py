from django.apps import AppConfig


class QuotaConfig(AppConfig):
    name = "parley.quota"
    default_auto_field = "django.db.models.BigAutoField"
