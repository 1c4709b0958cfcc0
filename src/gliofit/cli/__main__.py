"""``python -m gliofit.cli``: the ``gliofit`` command without its script."""

from gliofit.cli.entry import main

main()
