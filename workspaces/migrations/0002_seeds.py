"""The plans that come with the product, and the workspace of what belongs to nobody's."""

from django.db import migrations

PLANS = [
    ("free", "Free", 0, 0),
    ("basic", "Basic", 2, 5),
    ("pro", "Pro", 10, 20),
    ("enterprise", "Enterprise", None, None),
]


def add_seeds(apps, schema_editor):
    plan_model = apps.get_model("workspaces", "Plan")
    for slug, name, scheduled, webhook in PLANS:
        plan_model.objects.get_or_create(
            slug=slug,
            defaults={
                "name": name,
                "max_scheduled_triggers": scheduled,
                "max_webhook_triggers": webhook,
            },
        )
    workspace_model = apps.get_model("workspaces", "Workspace")
    workspace_model.objects.get_or_create(
        slug="system", defaults={"name": "System", "plan_id": "enterprise"}
    )


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0001_initial")]
    operations = [migrations.RunPython(add_seeds, migrations.RunPython.noop)]
