#!/usr/bin/env bash
# The package itself, from the clone that Snakemake was called in. Its dependencies are in the environment already.
set -euo pipefail
python -m pip install --no-deps --editable .
