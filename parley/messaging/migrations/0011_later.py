from django.db import migrations, models

WAITS = """
CREATE FUNCTION messaging_waits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.waits := true;
    RETURN NEW;
END $$;
CREATE TRIGGER waits BEFORE INSERT OR UPDATE OF run_at ON messaging_outbox
    FOR EACH ROW WHEN (NEW.run_at > clock_timestamp()) EXECUTE FUNCTION messaging_waits()
"""
NO_LONGER = "DROP TRIGGER waits ON messaging_outbox; DROP FUNCTION messaging_waits"


class Migration(migrations.Migration):
    dependencies = [("messaging", "0010_only_what_has_a_key")]

    operations = [
        migrations.AddField(
            model_name="outbox",
            name="waits",
            field=models.BooleanField(
                default=False, db_default=False, help_text="It is not due yet, or has come due just now."
            ),
        ),
        migrations.RunSQL(WAITS, NO_LONGER),
        migrations.RunSQL(
            "UPDATE messaging_outbox SET waits = true WHERE run_at > clock_timestamp()", migrations.RunSQL.noop
        ),
        migrations.RemoveIndex(model_name="outbox", name="lane"),
        migrations.AddIndex(
            model_name="outbox",
            index=models.Index(
                "number", "priority", "message", name="lane", condition=models.Q(("waits", False))
            ),
        ),
        migrations.AddIndex(
            model_name="outbox",
            index=models.Index(
                "number", "priority", "run_at", name="lane_later", condition=models.Q(("waits", True))
            ),
        ),
    ]
