"""What a guest sees: a ranker for every country, and the feed that it publishes."""
