from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('campaigns', '0005_click_waits_once'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='campaign',
            index=models.Index(fields=['changed_at'], name='campaigns_halted', condition=models.Q(('status__in', ['paused', 'stopped']))),
        ),
    ]
