#!/usr/bin/env python3
"""Holds the fleet's page to what is true when much comes at once, views trail, or others fill the log.

The server is a scripted one, in which all of that can be had at once and again.

Usage: overview_test.py [--screenshots FOLDER]
"""

import argparse
import contextlib
import pathlib
import sys

from browser import Page
from scripted import Scripted, alert, device


@contextlib.contextmanager
def shown(server, screenshots):
    """The page of a server, live."""
    with Page(server.base, "flt_any", None, None, screenshots) as page:
        page.driver.get(f"{page.base}/#token=any")
        page.wait("the live link", lambda: page.one("#link").get_attribute("data-state") == "live")
        yield page
        complaints = page.complaints()
        assert not complaints, complaints


def first(page):
    return page.driver.execute_script("return document.querySelector('#alerts li')?.dataset.alert")


def positions(page):
    return page.driver.execute_script("return [...document.querySelectorAll('#log li')].map(i => Number(i.dataset.position))")


def rows(page):
    return page.driver.execute_script("return [...document.querySelectorAll('#rows tr')].map(r => r.dataset.id)")


def all_is_well(page):
    return page.one("#alerts-empty").is_displayed()


def many_alerts(screenshots):
    """The worst comes first, however old it is, and those that are not listed are not forgotten."""
    server = Scripted(head=100)
    server.alerts = [alert(0, "critical"), *map(alert, range(1, 350))]
    with shown(server, screenshots) as page:
        page.wait("all of them to be counted", lambda: page.text("#alerts-status") == "350 open")
        assert first(page) == "hot-0", "the worst one is the oldest"
        assert "100 most urgent of 350" in page.text("#alerts-more"), page.text("#alerts-more")


def too_many_alerts(screenshots):
    """More than the page reads: the gravest are among those, it says that there are more, and reads on when there is room."""
    server = Scripted(head=100)
    server.alerts = [alert(0, "critical"), *map(alert, range(1, 1200))]
    with shown(server, screenshots) as page:
        page.wait("it to be said that there are more", lambda: page.text("#alerts-status") == "1,000+ open")
        assert "there are more" in page.text("#alerts-more"), page.text("#alerts-more")
        assert first(page) == "hot-0", "the worst one is the oldest of more than are read"
        page.shoot("overview-many-alerts")
        page.driver.execute_script("""
            const empty = document.getElementById("alerts-empty");
            window.saidWell = !empty.hidden;
            new MutationObserver(() => { window.saidWell ||= !empty.hidden; }).observe(empty, { attributes: true });""")
        # The view stands still: it lists what is over, and not yet what is new.
        server.trailing["alerts"] = server.head
        server.append(*[("AlertCleared", f"alert-hot-{number}", 2, {}) for number in (0, *range(200, 1200))])
        page.wait("those that are listed to be over", lambda: page.text("#alerts-status") == "more open" and not first(page))
        server.append(("AlertRaised", "alert-hot-5000", 1, alert(5000)))
        page.wait("what is new", lambda: page.text("#alerts-status") == "1+ open")
        reads = server.asked["alerts"] + 6
        page.wait("the list to be read again", lambda: server.asked["alerts"] >= reads)
        assert first(page) == "hot-5000", "a list that is older than an event takes nothing back"
        server.alerts = [*server.alerts[1:200], alert(5000)]
        server.trailing.clear()
        page.wait("the rest", lambda: page.text("#alerts-status") == "200 open")
        assert not page.driver.execute_script("return window.saidWell"), "it was said that all is well"
        server.alerts = []
        server.append(*[("AlertCleared", f"alert-hot-{number}", 2, {}) for number in (*range(1, 200), 5000)])
        page.wait("that all is well", lambda: all_is_well(page) and page.text("#alerts-status") == "none open")


def nothing_known(screenshots):
    """All is well only when somebody has looked."""
    server = Scripted(head=100)
    server.alerts = None
    with Page(server.base, "flt_any", None, None, screenshots) as page:
        page.driver.get(f"{page.base}/#token=any")
        page.wait("the failure", lambda: page.one("#link").get_attribute("data-state") == "lost")
        assert not all_is_well(page) and page.text("#alerts-status") == "", page.text("#alerts-status")


def others(screenshots):
    """What other accounts do is no reason to begin anew; what was really missed is one."""
    server = Scripted(head=100, account="north")
    server.devices = [device("lamp")]
    server.put(90, "DeviceRegistered", "device-lamp", 1, {})
    with shown(server, screenshots) as page:
        page.wait("the row", lambda: rows(page) == ["lamp"])
        note = page.text("#tile-head-note")
        assert "all accounts" in note and "north" in note, note
        page.one("#pause").click()
        for _ in range(2):
            server.grow(25_000)
            polls = server.asked["projections"] + 2
            page.wait("two looks at the views", lambda: server.asked["projections"] >= polls)
        assert (server.asked["devices"], server.asked["stream"]) == (1, 1), server.asked
        server.append(("DeviceUpdated", "device-lamp", 2, {"name": "Lamp"}))
        page.wait("what comes next", lambda: page.text("#pause") == "Resume (1)")
        assert positions(page) == [90], "a log that is paused stays"
        server.is_silent = True
        server.devices = [device("lamp", version=3), device("fan")]
        server.append(("DeviceUpdated", "device-lamp", 3, {}))
        server.grow(25_000)
        page.wait("a new beginning", lambda: server.asked["devices"] == 2 and rows(page) == ["fan", "lamp"])


def between(screenshots):
    """Views that stand before the log: what they lack comes with the events, once."""
    server = Scripted(head=50)
    server.devices, server.trailing = [device("lamp", version=2)], {"devices": 40, "alerts": 42}
    server.put(39, "DeviceUpdated", "device-lamp", 2, {"name": "lamp"})
    server.put(45, "DeviceRegistered", "device-fan", 1, {
        "serial": "fan", "type": "smoke", "name": "fan", "labels": {}, "account": "default"})
    server.put(46, "AlertRaised", "alert-hot-1", 1, alert(1))
    server.put(47, "DeviceUpdated", "device-lamp", 3, {"name": "lantern"})
    with shown(server, screenshots) as page:
        page.wait("the new device", lambda: rows(page) == ["fan", "lamp"])
        page.wait("the alert", lambda: first(page) == "hot-1")
        assert page.text('tr[data-id="lamp"] .open') == "lantern"
        server.trailing.clear()
        server.append(("DeviceUpdated", "device-lamp", 4, {"name": "torch"}))
        page.wait("the next event", lambda: page.text('tr[data-id="lamp"] .open') == "torch")
        assert positions(page) == [51, 47, 46, 45, 39], positions(page)


def far_behind(screenshots):
    """Views that stand too far behind: their lists are read again when they have come."""
    server = Scripted(head=90_000)
    server.trailing = {"devices": 100}
    with shown(server, screenshots) as page:
        polls = server.asked["projections"] + 2
        page.wait("two looks at the views", lambda: server.asked["projections"] >= polls)
        assert server.asked["devices"] == 1, "there is nothing new to be read"
        server.devices = [device("lamp")]
        server.trailing.clear()
        page.wait("the device", lambda: rows(page) == ["lamp"])
        once_is_enough(page, server)


def unknown_places(screenshots):
    """A server that does not say how far its views are: they are asked themselves."""
    server = Scripted(head=90_000)
    server.is_ignorant = True
    with shown(server, screenshots) as page:
        page.wait("a second reading", lambda: server.asked["devices"] == 2)
        once_is_enough(page, server)


def once_is_enough(page, server):
    polls = server.asked["projections"] + 2
    page.wait("two looks at the views", lambda: server.asked["projections"] >= polls)
    assert server.asked["devices"] == 2, server.asked


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


def departed(screenshots):
    """A device that gets another account has no reading of the one before."""
    with shown(Scripted(head=100), screenshots) as page:
        known = page.driver.execute_async_script("""
            const done = arguments[0];
            import("/fleet.js").then(({ Fleet }) => {
              const fleet = new Fleet();
              const flags = { metrics: { t: "outOfRange" }, missing: [], time: "2026-11-01T00:00:00Z" };
              fleet.replace([{ id: "lamp", account: "default", version: 3, readings: { t: { value: 1 } }, flags }], false);
              const event = { position: 7, stream: "device-lamp", version: 4, type: "DeviceAssigned", data: { account: "north" } };
              fleet.apply(event);
              done(fleet.devices.get("lamp"));
            });""")
        assert (known["account"], known["readings"], known.get("flags")) == ("north", {}, None), known


def many_readings(screenshots):
    """A chart is whole, however many pages its readings take."""
    server = Scripted(head=100)
    with shown(server, screenshots) as page:
        times = page.driver.execute_script("return [9, 8, 7].map((minute) => new Date(Date.now() - minute * 60_000).toISOString())")
        first, second = ({"metric": "t", "time": time, "value": number} for number, time in enumerate(times[:2]))
        window = {"metric": "t", "start": times[2], "count": 720, "min": 1, "max": 9, "mean": 5, "last": 5}
        # Only late ones in the first page; and more than anybody wants to read.
        for pages, count in (([[], [first], [second]], 2), ([[first]] * 100, 720)):
            server.readings = {"raw": pages, "1m": [[window]]}
            server.asked.clear()
            label = page.driver.execute_async_script("""
                const done = arguments[0];
                import("/readings.js").then(async ({ Readings }) => {
                  const readings = new Readings({ expired() {} });
                  readings.show({
                    id: "lamp", registeredTime: new Date().toISOString(),
                    readings: { t: { value: 1, time: new Date().toISOString() } } }, null);
                  const drawing = readings.node.querySelector("svg");
                  while (!drawing.hasAttribute("aria-label")) await new Promise((next) => setTimeout(next, 20));
                  done(drawing.getAttribute("aria-label"));
                });""")
            assert label.endswith(f"{count} readings"), label
            assert server.asked["metrics/t"] <= 4, server.asked


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--screenshots", type=pathlib.Path)
    arguments.add_argument("--only", help="the name of one scenario")
    given = arguments.parse_args()
    if given.screenshots:
        given.screenshots.mkdir(parents=True, exist_ok=True)
    scenarios = [many_alerts, too_many_alerts, nothing_known, others, between, far_behind, unknown_places, looked_away,
                 departed, many_readings]
    for scenario in scenarios:
        if given.only in (None, scenario.__name__):
            scenario(given.screenshots)
    print("the fleet's page tells what is true")


if __name__ == "__main__":
    sys.exit(main())
