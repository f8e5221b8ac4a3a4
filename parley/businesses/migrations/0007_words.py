from django.db import migrations

# An array is twice as fast as PostgreSQL's parser, and cuts words just as a search does; but one word of 2 kB would
# make it fail. Only the parser leaves such words out, and it takes no more than 1 MB of words: of a longer email the
# beginning is found. The mark begins with a letter: some words behind digits alone are numbers to the parser.
WORDS = r"""
CREATE FUNCTION parley_words(business uuid, words text) RETURNS tsvector IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN octet_length(words) < 2000 THEN
    array_to_tsvector(array_remove(string_to_array(ltrim(regexp_replace(
        ' ' || lower(words), '[^[:alnum:]]+', ' k' || "right"(business::text, 6), 'g'
    )), ' '), 'k' || "right"(business::text, 6)))
ELSE
    to_tsvector('simple'::regconfig, regexp_replace(
        ' ' || "left"(words, 100000), '[^[:alnum:]]+(?=[[:alnum:]])', ' k' || "right"(business::text, 6), 'g'
    ))
END;
"""


class Migration(migrations.Migration):
    dependencies = [("businesses", "0006_append_only")]

    operations = [migrations.RunSQL(WORDS, "DROP FUNCTION parley_words")]
