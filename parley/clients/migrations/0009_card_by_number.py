from django.db import migrations

# Says what the indexes of numbers hold (phone <> ''). Without it none of them could serve, and every change of a handset
# read all clients of its business.
SHOW_ON_CARD = """
CREATE OR REPLACE FUNCTION clients_show_on_card() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE clients_client SET texting = clients_texting(NEW.service, NEW.reach), texting_changed_at = NEW.changed_at
    WHERE business_id = NEW.business_id AND phone = NEW.phone AND phone <> ''
      AND texting <> clients_texting(NEW.service, NEW.reach);
    RETURN NULL;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("clients", "0008_status_and_imports")]
    operations = [migrations.RunSQL(SHOW_ON_CARD, migrations.RunSQL.noop)]
