#!/usr/bin/env python3
"""Looks at the page in a real Chromium: login, live changes, alerts, rollouts, a device and its history, the log,
the views, phone, dark mode, lost connection.

The server is a real one that has had no rollout yet, its broker is on this machine. Devices speak by mosquitto_pub.
See PageTests.swift for what it has been prepared with.

Usage: page_test.py BASE_URL TOKEN READERS_TOKEN MQTT_PORT [--screenshots FOLDER]
"""

import argparse
import pathlib
import sys

from selenium.webdriver.common.keys import Keys

from browser import Device, Page
from devicepage import device_page
from explorer import explorer
from rollouts import rollouts
from views import reader, views


def login(page):
    page.driver.get(page.base + "/")
    page.wait("the login form", lambda: page.one("#login").is_displayed())
    page.prefer("light")
    page.shoot("login")
    page.one("#token").send_keys("flt_wrong", Keys.ENTER)
    page.wait("the refusal", lambda: "not valid" in page.text("#login-error"))
    assert not page.one("#fleet").is_displayed()
    page.one("#token").clear()
    page.one("#token").send_keys(page.token, Keys.ENTER)
    page.wait("the live link", lambda: page.one("#link").get_attribute("data-state") == "live")
    assert not page.one("#login").is_displayed()
    cookie = page.driver.get_cookie("fleetlog_session")
    assert cookie and cookie["httpOnly"] and cookie["sameSite"] == "Strict", cookie


def live(page):
    device = page.ask("POST", "/api/v1/devices", {
        "serial": "browser-1", "type": "smoke", "name": "<img src=x onerror=alert(1)>", "labels": {"room": "hall"}})
    row = f'tr[data-id="{device["id"]}"]'
    page.wait("the new row", lambda: page.all(row))
    assert "<img src=x" in page.text(f"{row} .open"), "data must be shown as text"
    assert not page.all("tbody img"), "data must never become markup"
    page.ask("PATCH", f"/api/v1/devices/{device['id']}", {"name": "Hall smoke"})
    page.wait("the new name", lambda: page.text(f"{row} .open") == "Hall smoke")
    page.wait("the event in the log", lambda: "DeviceUpdated" in page.text("#log"))
    page.wait("the head", lambda: page.text("#tile-head") not in ("", "–", "0"))
    page.wait("the tether", lambda: page.text("#tile-tether") not in ("", "–"))
    page.settle(2)
    page.shoot("desktop-light")
    return device, row


def alerts(page):
    hot = {"overheating": {"limit": 50, "n": 1, "seconds": 0, "clear": 45}}
    page.ask("PUT", "/api/v1/accounts/default/settings", hot)
    page.ask("POST", "/api/v1/accounts", {"id": "remote", "name": "Remote"})
    page.ask("PUT", "/api/v1/accounts/remote/settings", {"silence": {"seconds": 1, "grace": 1}})
    hermit, oven = Device(page, "Cellar hermit", account="remote"), Device(page, "Stairs oven")
    hermit.measure(20)
    oven.measure(70)
    page.wait("two open alerts", lambda: page.text("#alerts-status") == "2 open")
    first = "#alerts li:first-child"
    hottest = f"overheating-{oven.id}-1"
    assert page.one(first).get_attribute("data-alert") == hottest, "the worst one comes first"
    assert page.text(f"{first} .severity") == "critical"
    assert "Stairs oven" in page.text(f"{first} .open"), "an alert names its device"
    page.shoot("alerts")
    button = page.one(f"{first} .act")
    assert "overheating" in button.accessible_name, button.accessible_name
    assert page.ask("GET", f"/api/v1/alerts/{hottest}")["state"] == "open"
    button.send_keys(Keys.ENTER)
    seen = f'#alerts li[data-alert="{hottest}"]'
    page.wait("the acknowledgement", lambda: page.all(seen) and not page.all(f"{seen} .act"))
    known = lambda: page.ask("GET", f"/api/v1/alerts/{hottest}")
    page.wait("the server to know of it", lambda: known()["state"] == "acknowledged")
    assert known()["acknowledgedBy"].startswith("user:"), known()
    oven.measure(30)
    page.wait("the alert to be over", lambda: not page.all(seen))
    oven.measure(75)
    page.wait("the next alert", lambda: page.all(f'#alerts li[data-alert="overheating-{oven.id}-2"] .act'))
    assert page.text("#alerts-status") == "2 open"
    row = lambda device: page.text(f'#rows tr[data-id="{device.id}"] .state')
    page.wait("the silent device to be offline", lambda: row(hermit) == "offline")
    assert row(oven) == "active", row(oven)
    page.wait("the count of those offline", lambda: "1 of them offline" in page.text("#tile-devices-note"))
    focused = page.driver.switch_to.active_element
    assert focused.tag_name != "body", "whoever works with the keyboard must not lose their place"
    silent = f"silence-{hermit.id}-1"
    silence = f'#alerts li[data-alert="{silent}"]'
    page.one(f"{silence} .act").click()
    page.wait("the second acknowledgement", lambda: page.text("#alerts-status") == "1 open")
    page.wait("who saw to it", lambda: "seen by user:" in page.text(silence))
    assert page.one("#alerts li:last-child").get_attribute("data-alert") == silent, "what is seen to comes last"
    page.one("#alerts li .open").click()
    page.wait("the device of the alert", lambda: "Stairs oven" in page.text(".device h1"))
    page.driver.back()
    page.wait("the fleet again", lambda: page.one("#fleet").is_displayed())


def search(page, row):
    page.one("#search").send_keys("hall smoke")
    shown = "return [...document.querySelectorAll('#rows tr')].filter(r => !r.hidden).length"
    page.wait("one row", lambda: page.driver.execute_script(shown) == 1)
    page.one("#search").send_keys(" nonsense")
    page.wait("the empty state", lambda: "No device matches" in page.text("#empty"))
    page.shoot("no-match")
    page.one("#search").send_keys(Keys.CONTROL, "a")
    page.one("#search").send_keys(Keys.DELETE)
    page.wait("all rows", lambda: page.driver.execute_script(shown) == len(page.all("#rows tr")))


def pause(page, device):
    page.one("#pause").click()
    before = page.text("#log li:first-child .position")
    page.ask("PATCH", f"/api/v1/devices/{device['id']}", {"labels": {"room": "cellar"}})
    page.wait("waiting events", lambda: "Resume (" in page.text("#pause"))
    assert page.text("#log li:first-child .position") == before
    page.one("#pause").click()
    page.wait("the log goes on", lambda: page.text("#log li:first-child .position") != before)
    page.one("#filter").send_keys("registered")
    hidden = "return [...document.querySelectorAll('#log li')].every(i => i.hidden || /registered/i.test(i.textContent))"
    page.wait("the filtered log", lambda: page.driver.execute_script(hidden))
    page.one("#filter").send_keys(Keys.CONTROL, "a")
    page.one("#filter").send_keys(Keys.DELETE)


def dark(page):
    light = page.ground()
    page.prefer("dark")
    page.wait("the dark ground", lambda: page.ground() != light)
    page.settle(2)
    page.shoot("desktop-dark")
    page.one("#theme").click()
    page.wait("the chosen light ground", lambda: page.ground() == light)
    page.one("#theme").click()


def phone(page, device):
    page.size(390, 844, is_phone=True)
    page.driver.execute_script("scrollTo(0, 0)")
    assert page.overhang() <= 0, f"the page is {page.overhang()} px too wide for a phone"
    cut = page.driver.execute_script(
        "return [...document.querySelectorAll('.items')].filter(l => l.scrollWidth > l.clientWidth).map(l => l.id)")
    assert not cut, f"text is cut off in {cut}"
    assert not page.too_small(), f"too small for a finger: {page.too_small()}"
    page.shoot("phone-dark")
    page.prefer("light")
    page.driver.execute_script("document.documentElement.dataset.theme = 'light'")
    page.settle(1.5)
    page.shoot("phone-light")
    for fragment, shown in (("#/events", ".wide li"), ("#/streams", ".wide li"), ("#/views", ".view"), (f"#/devices/{device}", ".chart")):
        page.go(fragment)
        page.wait(f"{fragment} on a phone", lambda: page.all(shown))
        assert page.overhang() <= 0, f"{fragment} is {page.overhang()} px too wide for a phone"
        assert not page.too_small(), f"too small for a finger on {fragment}: {page.too_small()}"
        page.shoot(f"phone-{fragment.split('/')[1]}")
    page.go("#/")
    page.size(1440, 900)


def lost(page, device, row):
    page.wire.cut()
    page.wait("the lost link", lambda: page.one("#link").get_attribute("data-state") == "lost")
    page.shoot("lost")
    page.ask("PATCH", f"/api/v1/devices/{device['id']}", {"name": "While away"})
    page.wire.mend()
    page.wait("the link again", lambda: page.one("#link").get_attribute("data-state") == "live")
    page.wait("what was missed", lambda: page.text(f"{row} .open") == "While away")


def token_in_address(page):
    page.one("#logout").click()
    page.wait("the login form", lambda: page.one("#login").is_displayed())
    page.driver.get("about:blank")
    page.driver.get(f"{page.base}/#token={page.token}")
    page.wait("the live link", lambda: page.one("#link").get_attribute("data-state") == "live")
    assert page.token not in page.driver.current_url, "the token must not stay in the address"


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("base")
    arguments.add_argument("token")
    arguments.add_argument("reader")
    arguments.add_argument("mqtt_port")
    arguments.add_argument("--screenshots", type=pathlib.Path)
    given = arguments.parse_args()
    if given.screenshots:
        given.screenshots.mkdir(parents=True, exist_ok=True)
    with Page(given.base, given.token, given.reader, given.mqtt_port, given.screenshots) as page:
        login(page)
        device, row = live(page)
        alerts(page)
        rollouts(page)
        search(page, row)
        pause(page, device)
        measured = device_page(page)
        explorer(page, measured)
        views(page)
        dark(page)
        phone(page, measured.id)
        lost(page, device, row)
        token_in_address(page)
        reader(page)
        complaints = page.complaints()
        assert not complaints, complaints
    print("the page works")


if __name__ == "__main__":
    sys.exit(main())
