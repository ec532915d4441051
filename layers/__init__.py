"""Packaging: third-party code as Lambda layers, our own as one zip per function.

Lives here: what builds, checks and measures packages. `layers/build/` holds results and is not committed.
Does not live here: code that runs in a function; ours goes into its zip, never into a layer.

A layer is one of requirements/*.txt (bar dev.txt), for one version of Python:

- no package is in two layers; `trees` and `learn` are used together with `numeric` and `science`;
- tests, type stubs and headers are dropped; `*.libs` are never touched (a stripped OpenBLAS does not load), and
  `numpy/f2py` stays (numpy imports it);
- byte code is added when an interpreter of that version is at hand: /opt is read-only on Lambda, so without it every
  cold start compiles everything anew;
- a function with its layers stays below `build.BUDGET_MB` unzipped (Lambda's limit is 250).

To add one: requirements/<name>.in, its name in `build.LAYERS`, its lines in serverless.yml, `make requirements`.
"""
