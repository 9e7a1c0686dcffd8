"""The views on the page: what stands still, a rebuild from its start to its end, and the way back.

Before, one device's stream has got an event that nobody can read, and one row of the live view was altered.
"""

from selenium.webdriver.common.keys import Keys

CARD = '[data-view="devices"]'


def views(page):
    page.one('#nav [data-page="views"]').click()
    page.wait("the views", lambda: len(page.all(".view")) >= 6)
    page.wait("the rows", lambda: page.driver.execute_script(
        "return [...document.querySelectorAll('.view .numbers dd')].every(n => n.textContent !== '–')"), seconds=60)
    stuck(page)
    slow(page)
    whole(page)
    back(page)
    page.one('#nav [data-page="fleet"]').click()
    page.wait("the fleet", lambda: page.one("#fleet").is_displayed())


def server(page):
    return page.ask("GET", "/api/v1/projections/devices")


def press(page, action, answer=None):
    button = f'{CARD} [data-action="{action}"]'
    page.wait(f"the button for {action}", lambda: page.one(button).is_displayed())
    page.driver.execute_script("document.querySelector(arguments[0]).focus()", button)
    page.driver.switch_to.active_element.send_keys(Keys.ENTER)
    if answer:
        page.wait("the question", lambda: page.driver.switch_to.alert)
        if action == "rebuild":
            assert "cannot be made anew" in page.driver.switch_to.alert.text, page.driver.switch_to.alert.text
        getattr(page.driver.switch_to.alert, answer)()


def offers(page):
    return page.driver.execute_script(
        "return [...document.querySelectorAll(`${arguments[0]} [data-action]`)].filter(b => !b.hidden).map(b => b.dataset.action)", CARD)


def stuck(page):
    page.wait("who stands still", lambda: page.all(f"{CARD} .stuck li"))
    [known] = server(page)["stuck"]
    item = page.text(f"{CARD} .stuck li")
    assert known["entity"] in item and known["reason"] in item and "DeviceUpgraded" in item, item
    page.shoot("views-stuck")
    page.one(f"{CARD} .stuck .act").click()
    page.wait("the outcome", lambda: "1 still stands still" in page.text("#banner"))


def slow(page):
    """A rebuild that takes its time can be watched, paused, and called off."""
    page.ask("POST", "/api/v1/projections/devices/rebuild", {"eventsPerSecond": 20})
    page.wait("the rebuild", lambda: "Rebuild running" in page.text(f"{CARD} .told"))
    bar = page.one(f"{CARD} .progress")
    page.wait("its progress", lambda: 0 < int(bar.get_attribute("aria-valuenow")) < 100)
    page.wait("the time left", lambda: " left" in page.text(f"{CARD} .told") and "events/s" in page.text(f"{CARD} .told"))
    page.wait("what is built", lambda: "next: generation" in page.text(f"{CARD} .roles"))
    page.shoot("views-rebuild")
    press(page, "rebuild/pause")
    page.wait("the pause", lambda: server(page)["rebuild"]["state"] == "paused" and "Rebuild paused" in page.text(f"{CARD} .told"))
    page.wait("the way on", lambda: offers(page) == ["rebuild/resume", "rebuild/cancel", "pause"])
    assert page.driver.switch_to.active_element.get_attribute("data-action") == "rebuild/resume", "the focus goes along"
    page.wait("those who cannot see to know", lambda: "devices: its rebuild is paused" in page.text("[aria-live].unseen"))
    press(page, "rebuild/resume")
    page.wait("it to go on", lambda: server(page)["rebuild"]["state"] == "running")
    page.wait("the page to say so", lambda: "rebuild/pause" in offers(page))
    for answer in ("dismiss", "accept"):
        assert server(page)["rebuild"]["state"] == "running", "a second thought must be possible"
        press(page, "rebuild/cancel", answer)
    page.wait("the end", lambda: server(page)["rebuild"]["state"] == "cancelled")
    page.wait("the way to begin anew", lambda: offers(page) == ["rebuild", "pause"])


def whole(page):
    press(page, "rebuild", "dismiss")
    assert "rebuild" in offers(page), "a second thought must be possible"
    press(page, "rebuild", "accept")
    page.wait("the rebuild", lambda: server(page)["rebuild"]["state"] == "finished", seconds=60)
    page.wait("the comparison", lambda: "1 row differs" in page.text(f"{CARD} summary"))
    page.one(f"{CARD} summary").click()
    altered = page.text(f"{CARD} .sample")
    assert "Altered by hand" in altered and "Attic lamp" in altered, altered
    page.shoot("views")
    roles = {generation["role"] for generation in server(page)["generations"]}
    assert {"live", "previous"} <= roles, roles
    assert "previous: generation" in page.text(f"{CARD} .roles")


def back(page):
    def name():
        return [item["name"] for item in page.ask("GET", "/api/v1/devices?limit=1000")["items"] if item["serial"] == "Attic lamp"]
    assert name() == ["Attic lamp"]
    press(page, "swap-back", "accept")
    page.wait("the swap", lambda: server(page)["rebuild"]["kind"] == "swap-back" and server(page)["rebuild"]["state"] == "finished")
    assert name() == ["Altered by hand"], "the previous one is live again"
    page.wait("the page to say so", lambda: "Swap back finished" in page.text(f"{CARD} .told"))
    press(page, "swap-back", "accept")
    page.wait("the swap", lambda: name() == ["Attic lamp"])
    press(page, "drop-previous", "accept")
    page.wait("it to be gone", lambda: "previous" not in {generation["role"] for generation in server(page)["generations"]})
    page.wait("the page to say so", lambda: offers(page) == ["rebuild", "pause"])
    press(page, "pause")
    page.wait("the view to stand still", lambda: page.text(f"{CARD} .state") == "paused")
    press(page, "resume")
    page.wait("the view to go on", lambda: page.text(f"{CARD} .state") == "live")


def reader(page):
    """Who may only read sees the same, without buttons."""
    page.one("#logout").click()
    page.wait("the login form", lambda: page.one("#login").is_displayed())
    page.driver.get("about:blank")
    page.driver.get(f"{page.base}/#token={page.reader}")
    page.wait("the live link", lambda: page.one("#link").get_attribute("data-state") == "live")
    page.go("#/views")
    page.wait("the views", lambda: page.text(f"{CARD} .state") == "live")
    assert offers(page) == [] and not page.all(f"{CARD} .stuck .act"), offers(page)
