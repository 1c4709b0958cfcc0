"""``python -m gliofit.cli``: the ``gliofit`` command where its script is not on the path."""

from gliofit.cli.entry import main

main()
