"""Harmful content seen and scored: texts, pictures, authors and behaviour."""
