"""Repositories that moderation alone uses: texts that are rated for harm."""
