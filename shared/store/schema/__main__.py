"""The command that `python -m shared.store` has replaced; it goes on for one version."""

import runpy
import sys

print("python -m shared.store.schema is now python -m shared.store", file=sys.stderr)
runpy.run_module("shared.store", run_name="__main__")
