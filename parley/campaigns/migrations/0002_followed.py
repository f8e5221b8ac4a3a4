from django.db import migrations

# Whoever changes a message or the ledger waits for nobody who counts: a row is appended, and counted later.
FOLLOWED = """
CREATE FUNCTION campaigns_follow_message() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO campaigns_change (business_id, what, message_id) VALUES (NEW.business_id, 'message', NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER follow_campaigns AFTER UPDATE OF state ON messaging_message
    FOR EACH ROW WHEN (NEW.kind = 'marketing' AND NEW.state IS DISTINCT FROM OLD.state)
    EXECUTE FUNCTION campaigns_follow_message();

CREATE FUNCTION campaigns_follow_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM campaigns_campaign WHERE business_id = NEW.business_id AND status <> 'draft') THEN
        INSERT INTO campaigns_change (business_id, what, phone) VALUES (NEW.business_id, 'opted_out', NEW.phone);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER follow_campaigns AFTER INSERT ON clients_consent
    FOR EACH ROW WHEN (NEW.says = 'refused' AND NEW.category <> 'service')
    EXECUTE FUNCTION campaigns_follow_ledger()
"""
NO_LONGER = """
DROP TRIGGER follow_campaigns ON messaging_message;
DROP FUNCTION campaigns_follow_message;
DROP TRIGGER follow_campaigns ON clients_consent;
DROP FUNCTION campaigns_follow_ledger
"""


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0001_initial"),
        ("clients", "0007_clients_of_email"),
        ("messaging", "0011_later"),
    ]

    operations = [migrations.RunSQL(FOLLOWED, NO_LONGER)]
