"""Which model is live: promotion, rollback and pruning."""
