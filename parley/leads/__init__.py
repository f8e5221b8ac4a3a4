"""New people: the public form of a business, and who wrote in it."""
