from django.db import migrations

APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON clients_consent
    FOR EACH ROW EXECUTE FUNCTION parley_append_only()
"""

# What a handset allows, as its client's card shows it. Kept by the database, so that no road can forget it: not a new
# card for a number that was opted out, not a change of a card's number.
TEXTING = """
CREATE FUNCTION clients_texting(service text, reach text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN service = 'refused' THEN 'stopped' WHEN reach IN ('landline', 'invalid') THEN 'cannot'
           ELSE 'ok' END
$$
"""
SHOW_ON_CARD = """
CREATE FUNCTION clients_show_on_card() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE clients_client SET texting = clients_texting(NEW.service, NEW.reach), texting_changed_at = NEW.changed_at
    WHERE business_id = NEW.business_id AND phone = NEW.phone AND texting <> clients_texting(NEW.service, NEW.reach);
    RETURN NULL;
END $$;
CREATE TRIGGER show_on_card AFTER INSERT OR UPDATE ON clients_handset
    FOR EACH ROW EXECUTE FUNCTION clients_show_on_card()
"""
ASK_HANDSET = """
CREATE FUNCTION clients_ask_handset() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE known clients_handset;
BEGIN
    SELECT * INTO known FROM clients_handset WHERE business_id = NEW.business_id AND phone = NEW.phone;
    IF FOUND THEN
        NEW.texting := clients_texting(known.service, known.reach);
        NEW.texting_changed_at := known.changed_at;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER ask_handset BEFORE INSERT OR UPDATE OF phone ON clients_client
    FOR EACH ROW WHEN (NEW.phone <> '') EXECUTE FUNCTION clients_ask_handset()
"""

# What cards knew before there was a ledger.
CARRY_OVER = """
WITH line AS (
    INSERT INTO clients_consent (business_id, phone, category, says, how, words, our_number, by_name, source, said_at,
                                 recorded_at)
    SELECT business_id, phone, 'all', 'refused', 'text', '', '', '', '', coalesce(texting_changed_at, now()), now()
    FROM clients_client WHERE texting = 'stopped' AND phone <> ''
    RETURNING id, business_id, phone, said_at
)
INSERT INTO clients_handset (business_id, phone, service, marketing, service_by, marketing_by, changed_at)
SELECT business_id, phone, 'refused', 'refused', id, id, said_at FROM line;
INSERT INTO clients_handset (business_id, phone, reach, changed_at)
SELECT business_id, phone, 'landline', coalesce(texting_changed_at, now())
FROM clients_client WHERE texting = 'cannot' AND phone <> ''
"""


class Migration(migrations.Migration):
    dependencies = [("businesses", "0006_append_only"), ("clients", "0002_consent")]
    operations = [
        migrations.RunSQL(APPEND_ONLY, "DROP TRIGGER append_only ON clients_consent"),
        migrations.RunSQL(TEXTING, "DROP FUNCTION clients_texting"),
        migrations.RunSQL(
            SHOW_ON_CARD,
            "DROP TRIGGER show_on_card ON clients_handset; DROP FUNCTION clients_show_on_card",
        ),
        migrations.RunSQL(
            ASK_HANDSET, "DROP TRIGGER ask_handset ON clients_client; DROP FUNCTION clients_ask_handset"
        ),
        migrations.RunSQL(CARRY_OVER, migrations.RunSQL.noop),
    ]
