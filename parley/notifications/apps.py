from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "parley.notifications"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from parley.notifications import browsers  # noqa: F401  it listens for who signs out
