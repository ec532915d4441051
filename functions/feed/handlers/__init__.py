"""The entry points of this domain, one Lambda each."""
