"""The old name of the command `python -m shared.store`, which works for one more version."""

import runpy
import sys

sys.stderr.write("python -m shared.store.schema is now python -m shared.store\n")
runpy.run_module("shared.store", run_name="__main__")
