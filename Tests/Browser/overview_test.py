#!/usr/bin/env python3
"""Holds the fleet's page to what is true whatever happens.

The server is a scripted one, in which all of that can be had at once and again.

Usage: overview_test.py [--screenshots FOLDER]
"""

import argparse
import contextlib
import pathlib
import sys

from browser import Page
from scripted import Scripted


@contextlib.contextmanager
def shown(server, screenshots):
    """The page of a server, live."""
    with Page(server.base, "flt_any", None, None, screenshots) as page:
        page.driver.get(f"{page.base}/#token=any")
        page.wait("the live link", lambda: page.one("#link").get_attribute("data-state") == "live")
        yield page
        complaints = page.complaints()
        assert not complaints, complaints


def looked_away(screenshots):
    """What happened while nobody looked is there when they look again."""
    server = Scripted(head=100)
    with shown(server, screenshots) as page:
        page.wait("no rollout", lambda: page.text("#rollouts-status") == "none under way")
        page.look_away(700)
        server.rollouts = [{
            "id": "r1", "version": "2.0.0", "state": "running", "createdTime": "2026-11-01T00:00:00Z", "groups": 1,
            "openedGroups": 1, "counts": {"scheduled": 2}}]
        server.append(("RolloutCreated", "rollout-r1", 1, {}))
        page.wait("the moment at which it would be read", page.has_put_off)
        assert page.text("#rollouts-status") == "none under way", "who looks away asks nothing"
        page.look_back()
        page.wait("the rollout", lambda: page.text("#rollouts-status") == "1 under way")


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--screenshots", type=pathlib.Path)
    arguments.add_argument("--only", help="the name of one scenario")
    given = arguments.parse_args()
    if given.screenshots:
        given.screenshots.mkdir(parents=True, exist_ok=True)
    scenarios = [looked_away]
    for scenario in scenarios:
        if given.only in (None, scenario.__name__):
            scenario(given.screenshots)
    print("the fleet's page tells what is true")


if __name__ == "__main__":
    sys.exit(main())
