import django.contrib.postgres.indexes
from django.db import migrations

import parley.businesses.words


class Migration(migrations.Migration):
    dependencies = [("businesses", "0007_words"), ("messaging", "0008_events_set_aside")]

    operations = [
        migrations.RemoveIndex(model_name="message", name="inbox_words"),
        migrations.AddIndex(
            model_name="message",
            index=django.contrib.postgres.indexes.GinIndex(
                parley.businesses.words.OwnWords("body"), name="inbox_words"
            ),
        ),
    ]
