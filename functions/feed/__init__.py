"""Feeds of accounts: a personal model for each, ranking on demand, a home page, and people to follow."""
