"""The right to erasure of accounts."""
