#!/usr/bin/env python3
"""Looks at the page in a real Chromium: login, live changes, alerts, rollouts, phone, dark mode, lost connection.

The server is a real one that has had no rollout yet, its broker is on this machine. Devices speak by mosquitto_pub.

Usage: page_test.py BASE_URL TOKEN MQTT_PORT [--screenshots FOLDER]
"""

import argparse
import json
import pathlib
import socket
import subprocess
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


class Device:
    """A device of the fleet, registered over HTTP; it speaks MQTT."""

    def __init__(self, page, serial, **more):
        answer = page.ask("POST", "/api/v1/devices", {"serial": serial, "type": "temperature", **more})
        self.id, self.key, self.port = answer["id"], answer["apiKey"], page.mqtt_port

    def publish(self, topic, **message):
        subprocess.run(
            ["mosquitto_pub", "-V", "mqttv5", "-q", "1", "-h", "127.0.0.1", "-p", self.port, "-u", self.id,
             "-P", self.key, "-t", f"devices/{self.id}/{topic}", "-m", json.dumps(message)], check=True, timeout=10)

    def measure(self, temperature):
        self.publish("telemetry", temperature=temperature)

    def install(self, rollout, status):
        self.publish("firmware/status", rollout=rollout["id"], status=status, version=rollout["version"])


class Page:
    def __init__(self, server, token, mqtt_port, screenshots):
        self.server, self.token, self.mqtt_port, self.screenshots = server.rstrip("/"), token, mqtt_port, screenshots
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

    def settle(self, seconds):
        """Lets the numbers move, for a picture."""
        if self.screenshots:
            time.sleep(seconds)

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
    focused = page.driver.switch_to.active_element
    assert focused.tag_name != "body", "whoever works with the keyboard must not lose their place"
    silent = f"silence-{hermit.id}-1"
    silence = f'#alerts li[data-alert="{silent}"]'
    page.one(f"{silence} .act").click()
    page.wait("the second acknowledgement", lambda: page.text("#alerts-status") == "1 open")
    page.wait("who saw to it", lambda: "seen by user:" in page.text(silence))
    assert page.one("#alerts li:last-child").get_attribute("data-alert") == silent, "what is seen to comes last"
    page.one("#alerts li .open").click()
    page.wait("the device of the alert", lambda: page.one("#detail").is_displayed())
    page.driver.switch_to.active_element.send_keys(Keys.ESCAPE)


class Rollout:
    """A rollout on the server, and its item on the page."""

    def __init__(self, page, version, devices, group_size):
        self.page = page
        self.answer = page.ask("POST", "/api/v1/rollouts", {
            "version": version, "artifact": {"url": "http://127.0.0.1/firmware", "sha256": "0f" * 32},
            "devices": [device.id for device in devices], "groupSize": group_size, "successThreshold": 100,
            "errorThreshold": 50, "attempts": 1})
        self.id, self.path = self.answer["id"], f"/api/v1/rollouts/{self.answer['id']}"
        self.item = f'#rollouts li[data-rollout="{self.id}"]'

    def server(self):
        return self.page.ask("GET", self.path)

    def bar(self, attribute):
        return self.page.one(f"{self.item} .progress").get_attribute(attribute)

    def share(self, stage):
        """How much of the bar the stage takes."""
        return self.page.driver.execute_script(
            "const bar = document.querySelector(arguments[0]), part = bar.querySelector(`[data-stage=${arguments[1]}]`);"
            "return part.getBoundingClientRect().width / bar.getBoundingClientRect().width",
            f"{self.item} .progress", stage)

    def shows(self, words, done):
        """Waits until the page tells how many devices are in each state, and how many have come to their end."""
        self.page.wait(words, lambda: self.bar("aria-valuetext") == words)
        assert self.bar("aria-valuenow") == str(done), self.bar("aria-valuenow")
        assert f"{done} of {self.bar('aria-valuemax')} done" in self.page.text(self.item)

    def offers(self, *actions):
        return [action for action in ("pause", "resume", "abort")
                if self.page.one(f'{self.item} [data-action="{action}"]').is_displayed()] == list(actions)

    def press(self, action):
        self.page.one(f'{self.item} [data-action="{action}"]').send_keys(Keys.ENTER)

    def becomes(self, state):
        self.page.wait(f"the server to say {state}", lambda: self.server()["state"] == state)
        self.page.wait(f"the page to say {state}", lambda: self.page.text(f"{self.item} .state") == state)


def rollouts(page):
    page.wait("the panel", lambda: page.one("#rollouts-empty").is_displayed())
    assert page.text("#rollouts-status") == "none under way"
    page.driver.execute_script("window.hasStayed = true")
    lifts = [Device(page, f"Lift {number}") for number in range(1, 8)]
    rollout = progress(page, lifts[:4])
    stop(page, rollout)
    older, newer = Rollout(page, "1.5.0", lifts[4:5], 1), Rollout(page, "1.5.1", lifts[5:6], 1)
    newer.shows("1 notified", 0)
    lifts[5].install(newer.answer, "succeeded")
    newer.becomes("finished")
    assert newer.offers(), "what is over has no buttons"
    order = [item.get_attribute("data-rollout") for item in page.all("#rollouts li")]
    assert order == [older.id, newer.id, rollout.id], "what is under way comes first, then what is newer"
    refuse(page, older)
    last = Rollout(page, "1.6.0", lifts[6:], 1)
    page.wait("the last one to run", lambda: last.offers("pause", "abort"))
    last.press("pause")
    last.becomes("paused")
    page.wait("the banner to go", lambda: not page.one("#banner").is_displayed())
    assert page.driver.execute_script("return window.hasStayed"), "all this must come without a reload"


def progress(page, lifts):
    rollout = Rollout(page, "1.4.2", lifts, 2)
    rollout.shows("2 notified, 2 waiting", 0)
    assert "group 1 of 2" in page.text(rollout.item) and rollout.share("succeeded") == 0
    for status in ("downloading", "installing"):
        lifts[0].install(rollout.answer, status)
        rollout.shows(f"1 {status}, 1 notified, 2 waiting", 0)
    lifts[0].install(rollout.answer, "succeeded")
    rollout.shows("1 updated, 1 notified, 2 waiting", 1)
    page.wait("the bar to move", lambda: rollout.share("succeeded") > 0.2)
    page.shoot("rollouts")
    page.wait("the buttons", lambda: rollout.offers("pause", "abort"))
    rollout.press("pause")
    rollout.becomes("paused")
    assert rollout.offers("resume", "abort")
    assert page.driver.switch_to.active_element.get_attribute("data-action") == "resume", "the focus goes along"
    lifts[1].install(rollout.answer, "succeeded")
    rollout.shows("2 updated, 2 waiting", 2)
    assert rollout.server()["openedGroups"] == 1, "a paused rollout opens no group"
    rollout.press("resume")
    rollout.becomes("running")
    rollout.shows("2 updated, 2 notified", 2)
    assert "group 2 of 2" in page.text(rollout.item)
    lifts[2].install(rollout.answer, "failed")
    rollout.shows("2 updated, 1 failed, 1 notified", 3)
    counts = {state: count for state, count in rollout.server()["counts"].items() if count}
    assert counts == {"succeeded": 2, "failed": 1, "notified": 1}, counts
    return rollout


def stop(page, rollout):
    for answer in ("dismiss", "accept"):
        assert rollout.server()["state"] == "running", "a second thought must be possible"
        rollout.press("abort")
        page.wait("the question", lambda: page.driver.switch_to.alert)
        getattr(page.driver.switch_to.alert, answer)()
    rollout.becomes("aborted")
    rollout.shows("2 updated, 1 failed, 1 cancelled", 4)
    assert rollout.offers(), "what is over has no buttons"


def refuse(page, rollout):
    """Presses a button in the moment in which another hand has stopped the rollout already."""
    page.wait("the buttons", lambda: rollout.offers("pause", "abort"))
    page.driver.execute_async_script("""
        const [path, button, done] = arguments;
        fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" })
          .then(() => { document.querySelector(button).click(); done(); });
        """, f"{rollout.path}/abort", f'{rollout.item} [data-action="pause"]')
    page.wait("the refusal", lambda: "aborted" in page.text("#banner").lower() and page.one("#banner").is_displayed())
    rollout.becomes("aborted")
    assert rollout.offers(), "what the server knows is read again"


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
    page.settle(2)
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
    page.settle(1.5)
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
    arguments.add_argument("mqtt_port")
    arguments.add_argument("--screenshots", type=pathlib.Path)
    given = arguments.parse_args()
    if given.screenshots:
        given.screenshots.mkdir(parents=True, exist_ok=True)
    with Page(given.base, given.token, given.mqtt_port, given.screenshots) as page:
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
