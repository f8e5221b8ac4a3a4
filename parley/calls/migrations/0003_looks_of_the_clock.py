from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('calls', '0002_recordings_to_fetch'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='recording',
            name='recordings_to_delete',
        ),
        migrations.AddIndex(
            model_name='recording',
            index=models.Index(models.F('delete_at'), condition=models.Q(('state__in', ['kept', 'failed'])), name='recordings_expire'),
        ),
        migrations.AddIndex(
            model_name='recording',
            index=models.Index(models.F('at'), condition=models.Q(('url', ''), _negated=True), name='recordings_there'),
        ),
    ]
