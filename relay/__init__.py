"""The relay: changes of MongoDB sent to functions, for those who have neither Atlas triggers nor DocumentDB.

Lives here: a long-running process that watches collections, sends what changes, and remembers where it stands.
Does not live here: what a change means (shared/runtime), what is done about it (functions).
"""
