"""The vendor-neutral model: frozen, typed nouns and their invariants.

Money is never a float, a card number never a field.
"""
