"""Rooms that two or more domains need: clock, config, errors, report, runtime, store, ml, artifacts."""
