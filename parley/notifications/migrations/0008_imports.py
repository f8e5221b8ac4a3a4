from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('notifications', '0007_calls'),
    ]

    operations = [
        migrations.AlterField(
            model_name='notification',
            name='kind',
            field=models.CharField(choices=[('text', 'A client texted'), ('call', 'A client called and was missed'), ('failed', 'A message did not arrive'), ('number', 'News of our number and its registration'), ('quota', 'Texts running low'), ('lead', 'Somebody new wrote'), ('payment', 'A client paid, or answered an estimate'), ('campaign', 'A campaign ended, or stopped by itself'), ('import', 'An import ended')], max_length=8),
        ),
    ]
