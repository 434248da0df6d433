"""One folder per source, named as its schema in the warehouse."""
