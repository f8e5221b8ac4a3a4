from django.db import migrations

APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON quota_entry
    FOR EACH ROW EXECUTE FUNCTION parley_append_only()
"""


class Migration(migrations.Migration):
    dependencies = [("businesses", "0006_append_only"), ("quota", "0001_initial")]
    operations = [migrations.RunSQL(APPEND_ONLY, "DROP TRIGGER append_only ON quota_entry")]
