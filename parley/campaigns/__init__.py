"""Marketing texts to many: whom, in which words, when, and what became of each."""
