import django.contrib.postgres.indexes
import django.contrib.postgres.search
from django.db import migrations, models
from django.db.models import Value
from django.db.models.functions import Concat, Right

import parley.businesses.words


class Migration(migrations.Migration):
    dependencies = [("businesses", "0007_words"), ("clients", "0004_told")]

    operations = [
        migrations.RemoveIndex(model_name="client", name="clients_search"),
        # What generates a column cannot be altered before PostgreSQL 17.
        migrations.RemoveField(model_name="client", name="search"),
        migrations.AddField(
            model_name="client",
            name="search",
            field=models.GeneratedField(
                db_persist=True,
                expression=parley.businesses.words.OwnWords(
                    Concat(
                        "first_name",
                        Value(" "),
                        "last_name",
                        Value(" "),
                        "email",
                        Value(" "),
                        Right("phone", 10),
                        Value(" "),
                        Right("phone", 7),
                        Value(" "),
                        Right("phone", 4),
                        output_field=models.TextField(),
                    )
                ),
                output_field=django.contrib.postgres.search.SearchVectorField(),
            ),
        ),
        migrations.AddIndex(
            model_name="client",
            index=django.contrib.postgres.indexes.GinIndex(models.F("search"), name="clients_search"),
        ),
    ]
