from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('calls', '0001_initial'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='recording',
            index=models.Index(models.F('at'), condition=models.Q(('state', 'waiting')), name='recordings_to_fetch'),
        ),
    ]
