from django.apps import AppConfig


class BusinessesConfig(AppConfig):
    name = "parley.businesses"
    default_auto_field = "django.db.models.BigAutoField"
