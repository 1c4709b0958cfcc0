#!/usr/bin/env bash
# Install the package from the clone; its dependencies are already in the environment.
set -euo pipefail
python -m pip install --no-deps --editable .
