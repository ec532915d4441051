"""The service deployed to a stand-in for AWS on this machine, fired and watched: python -m local.rehearsal"""
