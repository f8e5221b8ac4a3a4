from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('campaigns', '0006_halted'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='campaign',
            index=models.Index(models.F('started_at'), condition=models.Q(('started_at__isnull', False)), name='campaigns_begun'),
        ),
    ]
