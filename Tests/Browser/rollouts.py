"""The panel of rollouts: progress, pausing, stopping, and what somebody else has done meanwhile."""

from selenium.webdriver.common.keys import Keys

from browser import Device


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
