"""The way to a REST back office and back: asking, pacing, repeating reads, and saying what an answer means."""
