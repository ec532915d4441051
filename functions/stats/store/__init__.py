"""Repositories that stats alone uses, one for each collection of statistics, and the stages that compute rows."""
