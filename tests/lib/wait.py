# SPDX-License-Identifier: ISC
"""Waiting for an event: look often, give up late, never just sleep."""
import time


def wait_for(event, what="the event", seconds=30.0, pause=0.01):
    """Polls event() until it returns something true, and returns that.

    The limit is generous, since a loaded machine is slow and no test may
    measure time; running into it is a failure of the test.
    """
    end = time.monotonic() + seconds
    while True:
        result = event()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(pause)
