"""The whole service on one machine: an embedded MongoDB, schedules, a demo world, importers, a command line."""
