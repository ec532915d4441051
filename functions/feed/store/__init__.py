"""Repositories that feed alone uses: follows and blocks, accounts, popular creators, and pages of a home."""
