"""The truth: one SQLite file, and the band index derived from it."""
