import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('webhooks', '0003_subscriptions'),
    ]

    operations = [
        migrations.AddField(
            model_name='delivery',
            name='elements',
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name='destination',
            name='allow_unsigned_event_header',
            field=models.BooleanField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='destination',
            name='batch',
            field=models.BooleanField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='destination',
            name='body_format',
            field=models.CharField(blank=True, max_length=80, null=True),
        ),
        migrations.AddField(
            model_name='destination',
            name='event_type_paths',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=256), blank=True, null=True, size=None),
        ),
        migrations.AlterField(
            model_name='destination',
            name='on_unaccepted_event',
            field=models.CharField(blank=True, max_length=16, null=True),
        ),
    ]
