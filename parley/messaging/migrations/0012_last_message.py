from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("messaging", "0011_later")]

    operations = [
        migrations.AddIndex(
            model_name="conversation",
            index=models.Index(
                "business",
                "last_message",
                name="conversation_last_message",
                condition=models.Q(last_message__isnull=False),
            ),
        )
    ]
