from django.db import migrations

# For ledgers of any room: a trigger that refuses to change or delete a line.
FUNCTION = """
CREATE FUNCTION parley_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is a ledger: its lines are never changed', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("businesses", "0005_member_muted")]
    operations = [migrations.RunSQL(FUNCTION, "DROP FUNCTION parley_append_only()")]
