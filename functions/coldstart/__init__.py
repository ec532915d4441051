"""The ranker of every country for guests, and the guest feed that it ranks."""
