"""Versions of models: promotion, rollback and pruning."""
