from django.apps import AppConfig


class MessagingConfig(AppConfig):
    name = "parley.messaging"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from parley.clients import happened
        from parley.messaging import written

        happened.listen(written.keep_lead)
