"""Codecs: the vendor's spelling of a value and ours, both ways, so that ``decode(encode(x)) == x``."""
