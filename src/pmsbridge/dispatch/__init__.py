"""Who runs the work, and when. Work is only ever ``drain``, ``sweep`` and ``tick``."""
