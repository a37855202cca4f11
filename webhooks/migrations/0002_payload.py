
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('webhooks', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='delivery',
            name='redact',
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name='delivery',
            name='transformed',
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name='destination',
            name='dedupe',
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='destination',
            name='input_schema',
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='destination',
            name='on_unaccepted_event',
            field=models.CharField(default='reject', max_length=16),
        ),
        migrations.AddField(
            model_name='destination',
            name='output_transform',
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='destination',
            name='rate_limit_per_minute',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='destination',
            name='redact',
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.AddField(
            model_name='destination',
            name='response',
            field=models.JSONField(blank=True, null=True),
        ),
    ]
