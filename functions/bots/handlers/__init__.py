"""The doors of this domain, one Lambda each."""
