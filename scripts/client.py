#!/usr/bin/env python3
"""Asks Reductionist about a chunk of an array, or about several of them and combines the answers.

examples:
  # the sum and the count of one chunk in an S3 bucket
  client.py sum --url http://127.0.0.1:9000/public/temperature.nc --dtype float32 --byte-order little \\
      --offset 14977 --size 2913 --shape 4,20,30 --compression zlib --shuffle 4 --missing-value 1e20
  # the mean of a whole variable, from a file that describes its chunks
  client.py mean --url http://127.0.0.1:9000/public/temperature.nc --chunks examples/quickstart/temperature.json
  # the same over time, of a part of the variable
  client.py mean --url http://127.0.0.1:9000/public/temperature.nc --chunks examples/quickstart/temperature.json \\
      --axis 0 --selection :,10:30,::5
  # part of a chunk that is stored as it is, over two axes, from a private bucket
  REDUCTIONIST_PASSWORD=SECRET_KEY client.py max --user ACCESS_KEY --url https://store.example/bucket/data.bin \\
      --dtype int16 --shape 10,20,30 --selection=-3:,::2,7 --axis 0,1
  # the same dialect that PyActiveStorage speaks, and an answer for machines
  client.py count --api v1 --source http://127.0.0.1:9000 --bucket public --object temperature.nc \\
      --dtype float32 --offset 14977 --size 2913 --shape 4,20,30 --compression zlib --shuffle 4 --json

Needs what scripts/requirements-client.txt names: pip install --no-deps -r scripts/requirements-client.txt
Exit status: 0 if there is a result, 1 if there is none, 2 if the command line makes no sense.
"""

import os
import signal
import sys

from reductionist_client.command_line import main


def end_when_interrupted() -> None:
    """Ends at once at SIGINT, unless it is to be ignored: requests that are under way are not waited for."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))


if __name__ == "__main__":
    end_when_interrupted()
    sys.exit(main(__doc__, sys.argv[1:], os.environ))
