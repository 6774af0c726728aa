import secrets

from django.db import migrations
from django.utils import timezone


def create(apps, schema_editor):
    Toggle = apps.get_model("routing", "Toggle")
    now = timezone.now()
    for capability in ("orders", "products"):
        Toggle.objects.create(
            capability=capability,
            salt=secrets.token_urlsafe(16),
            shadow_salt=secrets.token_urlsafe(16),
            updated_at=now,
            updated_by="",
            reason="As the shop began.",
        )


class Migration(migrations.Migration):
    dependencies = [("routing", "0001_initial")]

    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
