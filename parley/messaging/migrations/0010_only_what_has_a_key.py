from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("messaging", "0009_inbox_words_apart")]

    operations = [
        migrations.RemoveConstraint(model_name="message", name="message_once_per_client_key"),
        migrations.AddConstraint(
            model_name="message",
            constraint=models.UniqueConstraint(
                condition=models.Q(("client_key__isnull", False)),
                fields=("business", "client_key"),
                name="message_once_per_client_key",
            ),
        ),
    ]
