"""Rooms that two or more domains need: clock, config, errors, report, runtime, store, network, ml, text, artifacts."""
