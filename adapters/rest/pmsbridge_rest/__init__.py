"""The adapter of REST back offices: a reviewed mapping file says what one is asked and what its answers mean."""
