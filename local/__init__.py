"""The whole service on one machine: embedded MongoDB, schedules, relay, demo world, importers, command line."""
