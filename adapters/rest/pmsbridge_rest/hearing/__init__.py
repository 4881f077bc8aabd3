"""Messages that a vendor posts by itself: whether one is genuine, and what it is about."""
