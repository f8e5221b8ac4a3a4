from django.core.management import call_command
from django.db import migrations


def make_table(apps, schema_editor):
    call_command("createcachetable", database=schema_editor.connection.alias, verbosity=0)


class Migration(migrations.Migration):
    """The cache is a table, so that several web processes count rate limits together."""

    dependencies = [("businesses", "0001_initial")]
    operations = [migrations.RunPython(make_table, migrations.RunPython.noop)]
