from django.apps import AppConfig


class AppointmentsConfig(AppConfig):
    name = "parley.appointments"
    default_auto_field = "django.db.models.BigAutoField"
