from django.conf import settings
from django.db import migrations

from services.ownership import schema


def begin(apps, schema_editor):
    """Everything is the monolith's to begin with."""
    side = settings.OWNERSHIP_SIDE
    owner = "self" if side == "monolith" else "peer"
    with schema_editor.connection.cursor() as cursor:
        for name in settings.OWNERSHIP_CAPABILITIES:
            buckets = schema.BUCKETS[name]
            cursor.execute(
                "INSERT INTO ownership_capability (name, side, buckets) VALUES (%s, %s, %s)", [name, side, buckets]
            )
            cursor.execute(
                "INSERT INTO ownership_bucket (capability, bucket, owner, epoch)"
                " SELECT %s, n, %s, 1 FROM generate_series(0, %s) AS n",
                [name, owner, buckets - 1],
            )


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.RunSQL(schema.TABLES + schema.FUNCTIONS, schema.DROP),
        migrations.RunPython(begin, migrations.RunPython.noop),
    ]
