from django.db import migrations

# The mark begins with a letter: PostgreSQL would take some words behind digits alone for numbers. One text may not
# hold more than 1 MB of words (to_tsvector), so a very long email is found by its beginning.
WORDS = """
CREATE FUNCTION parley_words(business uuid, words text) RETURNS tsvector IMMUTABLE PARALLEL SAFE
RETURN to_tsvector('simple'::regconfig, regexp_replace(
    ' ' || "left"(words, 100000), '[^[:alnum:]]+(?=[[:alnum:]])', ' k' || "right"(business::text, 6), 'g'));
"""


class Migration(migrations.Migration):
    dependencies = [("businesses", "0006_append_only")]

    operations = [migrations.RunSQL(WORDS, "DROP FUNCTION parley_words")]
