

import django.db.models.deletion
import workspaces.models
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('workspaces', '0002_seeds'),
    ]

    operations = [
        migrations.CreateModel(
            name='Operation',
            fields=[
                ('id', models.UUIDField(default=workspaces.models.new_id, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(max_length=16)),
                ('filter', models.JSONField(default=dict)),
                ('status', models.CharField(default='running', max_length=16)),
                ('total_count', models.PositiveIntegerField()),
                ('succeeded_count', models.PositiveIntegerField(default=0)),
                ('failed_count', models.PositiveIntegerField(default=0)),
                ('failures', models.JSONField(default=list)),
                ('position', models.UUIDField(null=True)),
                ('last_item_id', models.UUIDField(null=True)),
                ('created_by', models.CharField(max_length=64)),
                ('created_at', models.DateTimeField()),
                ('advanced_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='workspaces.workspace')),
            ],
            options={
                'indexes': [models.Index(fields=['workspace', '-id'], name='console_operation_newest'), models.Index(condition=models.Q(('status', 'running')), fields=['advanced_at'], name='console_operation_running')],
            },
        ),
    ]
