from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "parley.notifications"
    default_auto_field = "django.db.models.BigAutoField"
