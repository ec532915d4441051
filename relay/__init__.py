"""The relay: sends changes of MongoDB to functions, for deployments with neither Atlas triggers nor DocumentDB.

Lives here: a long-running process that watches collections, sends their changes, and saves its position.
Does not live here: decoding a change (shared/runtime), acting on it (functions).
"""
