"""Packaging: third-party code as Lambda layers, our own code as one zip file per function.

Lives here: building, checking and measuring packages, and vendoring what pages load in a browser. `layers/build/` holds
the results and is not committed.
Does not live here: code that runs in a function; ours goes into its zip file, never into a layer.

A layer is made from one of requirements/*.txt, for one version of Python:

- no package is in two layers; `trees` and `learn` are used together with `numeric` and `science`;
- tests, type stubs and headers are dropped; `*.libs` are never touched (a stripped OpenBLAS does not load), and
  `numpy/f2py` stays (numpy imports it);
- byte code is added where this machine has an interpreter of that version: /opt is read-only on Lambda, so without it
  every cold start compiles everything;
- a function with its layers stays below `build.BUDGET_MB` unzipped (Lambda's limit is 250).

To add one: requirements/<name>.in, its name in `build.LAYERS`, its lines in serverless.yml, `make requirements`.
"""
