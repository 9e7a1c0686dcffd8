"""A real Chromium before a real server: the page in it, a wire that can be cut, and devices that speak MQTT."""

import json
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse
import urllib.request

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
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
    def __init__(self, server, token, reader, mqtt_port, screenshots):
        self.server, self.token, self.reader = server.rstrip("/"), token, reader
        self.mqtt_port, self.screenshots = mqtt_port, screenshots
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
            # What was found may be drawn anew before it is looked at.
            wait = WebDriverWait(self.driver, seconds, 0.05, [StaleElementReferenceException])
            wait.until(lambda _: condition())
        except Exception as error:
            self.shoot("failure")
            raise AssertionError(f"{what} did not happen within {seconds} s") from error

    def follow(self, text):
        """Clicks a link when it lies still: rows that come into sight are drawn then, and move what is below them."""
        places = []

        def lies_still():
            link = self.driver.find_element(By.LINK_TEXT, text)
            places.append(self.driver.execute_script(
                "arguments[0].scrollIntoView({block: 'center'}); return JSON.stringify(arguments[0].getBoundingClientRect())", link))
            return len(places) > 2 and places[-1] == places[-2] == places[-3]

        self.wait(f"{text} to lie still", lies_still)
        self.driver.find_element(By.LINK_TEXT, text).click()

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

    def go(self, fragment):
        self.driver.execute_script("location.hash = arguments[0]", fragment)

    def fragment(self):
        return self.driver.execute_script("return location.hash")

    def look_away(self, delay):
        """Makes the page believe that its window is in the background, and notes what it puts off for so many milliseconds
        from then on; what it has put off before has come to its end."""
        self.driver.execute_async_script("""
            const [wanted, done] = arguments, later = window.setTimeout;
            Object.defineProperty(document, "hidden", { configurable: true, get: () => true });
            window.timesPutOff = 0;
            window.setTimeout = (work, delay, ...more) => later((...given) => {
              work(...given);
              if (delay === wanted) window.timesPutOff += 1;
            }, delay, ...more);
            later(done, wanted);""", delay)

    def has_put_off(self):
        """Whether something has been put off since, and its time has come."""
        return self.driver.execute_script("return window.timesPutOff > 0")

    def look_back(self):
        self.driver.execute_script("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")

    def overhang(self):
        """By how much the page is wider than the window."""
        return self.driver.execute_script("return document.documentElement.scrollWidth - innerWidth")

    def too_small(self):
        """What is there to be pressed, and too small for a finger."""
        return self.driver.execute_script(
            "return [...document.querySelectorAll('header button, nav a, .card-head button, .act, .search .quiet')]"
            ".filter(b => b.offsetParent && b.getBoundingClientRect().height < 44).map(b => b.textContent)")

    def complaints(self):
        ignored = ("401", "ERR_", "Failed to load resource")
        return [entry["message"] for entry in self.driver.get_log("browser")
                if entry["level"] == "SEVERE" and not any(word in entry["message"] for word in ignored)]
