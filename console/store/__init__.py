"""Repositories that only the console uses."""
