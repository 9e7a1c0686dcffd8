"""The page of one device: how it is, how it was, and which event made it so."""

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from browser import Device


def device_page(page):
    device = Device(page, "Boiler", name="Boiler", labels={"floor": "1"})
    path = f"/api/v1/devices/{device.id}"
    page.ask("PATCH", path, {"name": "<b>Boiler room</b>"})
    page.ask("PUT", f"{path}/config", {"interval": 60})
    page.ask("POST", f"{path}/commands", {"name": "turn", "arguments": {"angle": 90}})
    device.measure(20)
    device.measure(21.5)
    page.wait("both readings", lambda: page.ask("GET", path)["telemetryCount"] == 2)
    present(page, device, path)
    past(page, device, path)
    links(page, device, path)
    unseen(page, device, path)
    return device


def present(page, device, path):
    row = f'tr[data-id="{device.id}"]'
    page.wait("the device in the list", lambda: page.all(row))
    page.driver.execute_script("document.querySelector(arguments[0]).focus()", f"{row} .open")
    page.driver.switch_to.active_element.send_keys(Keys.ENTER)
    page.wait("its name", lambda: page.text(".device h1") == "<b>Boiler room</b>")
    assert not page.all(".device h1 b"), "data must never become markup"
    assert page.fragment() == f"#/devices/{device.id}"
    assert page.driver.switch_to.active_element.get_attribute("id") == "main", "the focus goes along"
    page.wait("the chart", lambda: "L" in line(page))
    assert "2 readings" in page.one('[data-metric="temperature"] svg').get_attribute("aria-label")
    page.wait("the configuration", lambda: '"interval": 60' in page.text('[data-card="config"]'))
    page.wait("the command", lambda: "turn" in page.text('[data-card="commands"]'))
    page.wait("the limits", lambda: "messages a minute" in page.text('[data-card="limits"]'))
    page.wait("no alert", lambda: "No alert" in page.text('[data-card="alerts"]'))
    version = page.ask("GET", path)["version"]
    page.wait("the newest event", lambda: page.text("#history-title") and page.text(".place") == f"Event {version} of {version}, the present")
    height = page.driver.execute_script("return document.querySelector('.history').getBoundingClientRect().height")
    page.settle(1)
    page.shoot("device")
    device.measure(30)
    page.wait("the new reading", lambda: page.text('[data-metric="temperature"] figcaption b') == "30 °C")
    page.wait("the slider to grow", lambda: page.one("#history").get_attribute("max") == str(version + 1))
    page.wait("what it changed", lambda: "21.5" in page.text(".history-changes") and "30" in page.text(".history-changes"))
    after = page.driver.execute_script("return document.querySelector('.history').getBoundingClientRect().height")
    assert height == after, f"what comes moves the page: {height} {after}"


def line(page):
    return page.one('[data-metric="temperature"] .line').get_attribute("d") or ""


def at(page, version):
    page.wait(f"version {version}", lambda: f"As it was after event {version}," in page.text(".past"))


def past(page, device, path):
    slider = page.one("#history")
    slider.send_keys(Keys.HOME)
    at(page, 1)
    assert page.text(".history-event b") == "DeviceRegistered"
    assert page.text(".device h1") == "Boiler", "the name it had then"
    assert "No reading has come yet" in page.text(".device-columns")
    assert page.fragment() == f"#/devices/{device.id}?version=1"
    page.wait("no configuration then", lambda: "no configuration" in page.text('[data-card="config"]'))
    slider.send_keys(Keys.ARROW_RIGHT)
    at(page, 2)
    assert page.text(".history-event b") == "DeviceUpdated"
    rows = {row.find_element(By.TAG_NAME, "th").text: [cell.text for cell in row.find_elements(By.TAG_NAME, "td")]
            for row in page.all(".history-changes tbody tr")}
    assert rows["name"] == ["Boiler", "<b>Boiler room</b>"], rows
    assert "event 2" in slider.get_attribute("aria-valuetext").lower()
    assert page.text(".device h1") == page.ask("GET", f"{path}?version=2")["name"]
    assert page.text('.near [aria-current] .position') == "2"
    assert page.text(".past").endswith("What came after it is pale in the charts; alerts, commands and limits are those of now.")
    page.one(".since summary").click()
    page.wait("what has changed since", lambda: "telemetry count" in page.text(".since"))
    page.shoot("device-past")
    device.measure(31)
    page.wait("the slider to grow", lambda: page.one("#history").get_attribute("max") == str(page.ask("GET", path)["version"]))
    assert page.fragment().endswith("?version=2") and page.one("#history").get_attribute("value") == "2", "who looks back stays"


def links(page, device, path):
    page.driver.refresh()
    at(page, 2)
    assert page.text(".device h1") == "<b>Boiler room</b>", "a view of the past can be linked"
    page.driver.find_element(By.XPATH, "//button[@aria-label='Back to the present']").send_keys(Keys.ENTER)
    page.wait("the present", lambda: page.text(".past") == "As it is now.")
    assert page.fragment() == f"#/devices/{device.id}"
    first = page.ask("GET", f"/api/v1/streams/device-{device.id}/events?limit=1")["items"][0]
    page.go(f"#/devices/{device.id}?at={first['recordedTime']}")
    at(page, 1)
    page.go(f"#/devices/{device.id}?version=9999")
    page.wait("the problem", lambda: "9999" in page.text(".problem") or "version" in page.text(".problem"))
    page.driver.find_element(By.LINK_TEXT, "Back to the present").click()
    page.wait("the present", lambda: page.text(".past") == "As it is now." and not page.all(".problem"))
    page.go("#/devices/nonsense")
    page.wait("what is wrong", lambda: "no device with this id" in page.text(".problem"))
    page.one(".back").click()
    page.wait("the fleet", lambda: page.one("#fleet").is_displayed())


def unseen(page, device, path):
    """What happened while nobody looked is there when they look again."""
    def newest():
        return page.text('[data-metric="temperature"] figcaption b')
    page.go(f"#/devices/{device.id}")
    page.wait("the newest reading", lambda: newest() == "31 °C")
    page.wait("the command", lambda: "turn" in page.text('[data-card="commands"]'))
    page.look_away(1000)
    device.measure(32)
    page.ask("POST", f"{path}/commands", {"name": "blink"})
    page.wait("the moment at which it would be read", page.has_put_off)
    assert newest() == "31 °C", "who looks away asks nothing"
    page.look_back()
    page.wait("the new reading", lambda: newest() == "32 °C")
    page.wait("the new command", lambda: "blink" in page.text('[data-card="commands"]'))
    page.one(".back").click()
    page.wait("the fleet", lambda: page.one("#fleet").is_displayed())
