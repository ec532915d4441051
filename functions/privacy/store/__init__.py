"""Repositories that privacy alone uses: what is held about an account, and the erasures so far."""
