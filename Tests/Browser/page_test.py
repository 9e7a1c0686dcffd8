#!/usr/bin/env python3
"""Looks at the page in a real Chromium: login, a new device, live changes, alerts, rollouts, phone, dark mode, lost connection.

The server has two open alerts, of which `overheating-1` is cleared and followed by `overheating-2` once acknowledged.

Usage: page_test.py BASE_URL TOKEN [--screenshots FOLDER]
"""

import argparse
import json
import pathlib
import socket
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait


class Wire:
    """A connection to the server that can be cut."""

    def __init__(self, base):
        url = urllib.parse.urlsplit(base)
        self.server = (url.hostname, url.port or 80)
        self.is_cut = False
        self.open = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.base = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            near, _ = self.listener.accept()
            if self.is_cut:
                near.close()
                continue
            far = socket.create_connection(self.server)
            self.open += [near, far]
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self.carry, args=(source, target), daemon=True).start()

    def carry(self, source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        self.is_cut = True
        for end in self.open:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.open = []

    def mend(self):
        self.is_cut = False


# Rollouts as the server would answer them, so that a test can say how far they are.
ROLLOUTS = """
window.rollouts = null;
window.acted = [];
const real = window.fetch;
window.fetch = async (path, options) => {
  if (!String(path).startsWith("/api/v1/rollouts")) return real(path, options);
  const answer = (status, body) => new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });
  if (!window.rollouts) return answer(404, { title: "Not found" });
  const state = new URL(path, location).searchParams.get("state");
  if (options.method !== "POST") {
    return answer(200, { items: window.rollouts.filter((rollout) => !state || rollout.state === state), next: null });
  }
  const [, id, action] = path.match(/rollouts\\/([^/]+)\\/(\\w+)$/);
  window.acted.push(action);
  const rollout = window.rollouts.find((rollout) => rollout.id === id);
  if (action === "resume" && window.refuses) return answer(409, { title: "Not paused", detail: "Somebody was faster." });
  rollout.state = { pause: "paused", resume: "running", abort: "aborted" }[action];
  return answer(200, rollout);
};
"""


class Page:
    def __init__(self, server, token, screenshots):
        self.server, self.token, self.screenshots = server.rstrip("/"), token, screenshots
        self.wire = Wire(server)
        self.base = self.wire.base
        options = Options()
        self.profile = tempfile.TemporaryDirectory()
        for argument in (
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1440,900",
            f"--user-data-dir={self.profile.name}",
        ):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        self.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": ROLLOUTS})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.driver.quit()
        self.profile.cleanup()

    def ask(self, method, path, body=None):
        request = urllib.request.Request(
            self.server + path, method=method, data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)

    def one(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.driver.execute_script(
            "const e = document.querySelector(arguments[0]); return e ? e.textContent : ''", selector)

    def wait(self, what, condition, seconds=15):
        try:
            WebDriverWait(self.driver, seconds, poll_frequency=0.05).until(lambda _: condition())
        except Exception as error:
            self.shoot("failure")
            raise AssertionError(f"{what} did not happen within {seconds} s") from error

    def size(self, width, height, is_phone=False):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 2 if is_phone else 1, "mobile": is_phone})

    def prefer(self, scheme):
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": scheme}]})

    def ground(self):
        return self.driver.execute_script("return getComputedStyle(document.body).backgroundColor")

    def shoot(self, name):
        if self.screenshots:
            self.driver.save_screenshot(str(self.screenshots / f"{name}.png"))

    def complaints(self):
        ignored = ("401", "ERR_", "Failed to load resource")
        return [entry["message"] for entry in self.driver.get_log("browser")
                if entry["level"] == "SEVERE" and not any(word in entry["message"] for word in ignored)]


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
    time.sleep(2)  # For the pictures only: let the numbers move.
    page.shoot("desktop-light")
    return device, row


def alerts(page):
    page.wait("two open alerts", lambda: page.text("#alerts-status") == "2 open")
    first = '#alerts li:first-child'
    assert page.one(first).get_attribute("data-alert") == "overheating-1", "the worst one comes first"
    assert page.text(f"{first} .severity") == "critical"
    assert "Stairs" in page.text(f"{first} .open"), "an alert names its device"
    page.shoot("alerts")
    button = page.one(f"{first} .act")
    assert "overheating" in button.accessible_name, button.accessible_name
    button.send_keys(Keys.ENTER)
    seen = '#alerts li[data-alert="overheating-1"]'
    page.wait("the acknowledgement", lambda: not page.all(f"{seen} .act"))
    page.wait("the alert to be over", lambda: not page.all(seen))
    page.wait("the next alert", lambda: page.all('#alerts li[data-alert="overheating-2"] .act'))
    assert page.text("#alerts-status") == "2 open"
    focused = page.driver.switch_to.active_element
    assert focused.tag_name != "body", "whoever works with the keyboard must not lose their place"
    page.one('#alerts li[data-alert="silence-1"] .act').click()
    page.wait("the second acknowledgement", lambda: page.text("#alerts-status") == "1 open")
    page.wait("who saw to it", lambda: "seen by user:" in page.text('#alerts li[data-alert="silence-1"]'))
    assert page.one("#alerts li:last-child").get_attribute("data-alert") == "silence-1", "what is seen to comes last"
    page.one("#alerts li .open").click()
    page.wait("the device of the alert", lambda: page.one("#detail").is_displayed())
    page.driver.switch_to.active_element.send_keys(Keys.ESCAPE)


def rollouts(page):
    assert not page.one("#rollouts-card").is_displayed(), "a server without rollouts has no panel for them"
    counts = {"scheduled": 30, "notified": 4, "downloading": 5, "installing": 3, "succeeded": 6, "failed": 1,
              "timedOut": 1, "cancelled": 0}
    page.driver.execute_script("window.rollouts = [arguments[0], arguments[1]]", {
        "id": "r1", "account": "default", "version": "1.4.2", "artifact": {"url": "https://x/fw", "sha256": "0" * 64},
        "state": "running", "deviceCount": 50, "counts": counts, "groups": 5, "openedGroups": 2,
        "createdTime": "2026-11-21T10:00:00Z"}, {
        "id": "r0", "account": "default", "version": "1.4.1", "state": "finished", "deviceCount": 20,
        "counts": {"succeeded": 20}, "groups": 1, "openedGroups": 1, "createdTime": "2026-11-21T11:00:00Z"})
    page.driver.execute_script("dispatchEvent(new Event('online'))")
    page.wait("the rollouts", lambda: page.one("#rollouts-card").is_displayed())
    item = '#rollouts li[data-rollout="r1"]'
    assert page.one("#rollouts li:first-child").get_attribute("data-rollout") == "r1", "what is under way comes first"
    bar = page.one(f"{item} .progress")
    assert bar.get_attribute("aria-valuenow") == "8" and bar.get_attribute("aria-valuemax") == "50"
    assert "6 updated, 1 failed" in bar.get_attribute("aria-valuetext")
    assert "8 of 50 done" in page.text(item) and "group 2 of 5" in page.text(item)
    assert not page.all('#rollouts li[data-rollout="r0"] button:not([hidden])'), "what is over has no buttons"
    page.shoot("rollouts")
    page.driver.execute_script("Object.assign(window.rollouts[0].counts, { scheduled: 26, succeeded: 10 })")
    page.wait("the progress", lambda: page.one(f"{item} .progress").get_attribute("aria-valuenow") == "12")
    shown = lambda action: page.one(f'{item} [data-action="{action}"]').is_displayed()
    press = lambda action: page.one(f'{item} [data-action="{action}"]').send_keys(Keys.ENTER)
    press("pause")
    page.wait("the pause", lambda: shown("resume") and not shown("pause"))
    assert page.driver.switch_to.active_element.get_attribute("data-action") == "resume", "the focus goes along"
    page.driver.execute_script("window.refuses = true")
    press("resume")
    page.wait("the refusal", lambda: "Somebody was faster" in page.text("#banner"))
    page.driver.execute_script("window.refuses = false")
    press("resume")
    page.wait("it to run again", lambda: shown("pause") and not page.one("#banner").is_displayed())
    press("abort")
    page.wait("the question", lambda: page.driver.switch_to.alert)
    page.driver.switch_to.alert.dismiss()
    assert page.driver.execute_script("return window.acted.includes('abort')") is False, "a second thought must be possible"
    press("abort")
    page.wait("the question", lambda: page.driver.switch_to.alert)
    page.driver.switch_to.alert.accept()
    page.wait("the end", lambda: page.text(f"{item} .state") == "aborted" and not shown("abort"))
    page.driver.execute_script("window.rollouts[0].state = 'running'")


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


def detail(page, device, row):
    page.driver.execute_script("document.querySelector(arguments[0]).focus()", f"{row} .open")
    page.driver.switch_to.active_element.send_keys(Keys.ENTER)
    page.wait("the panel", lambda: page.one("#detail").is_displayed())
    page.wait("its events", lambda: "DeviceRegistered" in page.text("#detail-events"))
    page.ask("PATCH", f"/api/v1/devices/{device['id']}", {"name": "Cellar smoke"})
    page.wait("the live title", lambda: page.text("#detail-title") == "Cellar smoke")
    page.wait("the live event", lambda: "Cellar smoke" in page.text("#detail-events"))
    page.shoot("detail")
    page.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    page.wait("the panel to go", lambda: not page.one("#detail").is_displayed())


def dark(page):
    light = page.ground()
    page.prefer("dark")
    page.wait("the dark ground", lambda: page.ground() != light)
    time.sleep(2)  # For the picture only.
    page.shoot("desktop-dark")
    page.one("#theme").click()
    page.wait("the chosen light ground", lambda: page.ground() == light)
    page.one("#theme").click()


def phone(page):
    page.size(390, 844, is_phone=True)
    page.driver.execute_script("scrollTo(0, 0)")
    wide = page.driver.execute_script("return document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, f"the page is {wide} px too wide for a phone"
    cut = page.driver.execute_script(
        "return [...document.querySelectorAll('.items')].filter(l => l.scrollWidth > l.clientWidth).map(l => l.id)")
    assert not cut, f"text is cut off in {cut}"
    small = page.driver.execute_script(
        "return [...document.querySelectorAll('header button, .card-head button, .items .act')]"
        ".filter(b => b.offsetParent && b.getBoundingClientRect().height < 44).map(b => b.id)")
    assert not small, f"too small for a finger: {small}"
    page.shoot("phone-dark")
    page.prefer("light")
    page.driver.execute_script("document.documentElement.dataset.theme = 'light'")
    time.sleep(1.5)
    page.shoot("phone-light")
    page.one("#rows tr .open").click()
    page.wait("the panel", lambda: page.one("#detail").is_displayed())
    page.shoot("phone-detail")
    page.one("#detail-close").click()
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
    arguments.add_argument("--screenshots", type=pathlib.Path)
    given = arguments.parse_args()
    if given.screenshots:
        given.screenshots.mkdir(parents=True, exist_ok=True)
    with Page(given.base, given.token, given.screenshots) as page:
        login(page)
        device, row = live(page)
        alerts(page)
        rollouts(page)
        search(page, row)
        pause(page, device)
        detail(page, device, row)
        dark(page)
        phone(page)
        lost(page, device, row)
        token_in_address(page)
        complaints = page.complaints()
        assert not complaints, complaints
    print("the page works")


if __name__ == "__main__":
    sys.exit(main())
