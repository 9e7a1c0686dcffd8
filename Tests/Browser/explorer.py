"""The log on the page: events that are looked for, streams, causes and effects, and who did what."""

import json

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select


def explorer(page, device):
    page.one('#nav [data-page="events"]').click()
    page.wait("the newest events", lambda: len(page.all(".wide li")) > 5)
    page.shoot("events")
    filters(page)
    streams(page, device)
    chains(page)
    activity(page, device)
    page.one('#nav [data-page="fleet"]').click()


def texts(page, selector):
    """What is there, also what is not scrolled to."""
    return page.driver.execute_script(
        "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)", selector)


def types(page):
    return set(texts(page, ".wide .type"))


def positions(page):
    return page.driver.execute_script("return [...document.querySelectorAll('.wide li')].map(i => Number(i.dataset.position))")


def filters(page):
    page.one("#events-type").send_keys("DeviceRegistered", Keys.ENTER)
    page.wait("the filter", lambda: types(page) == {"DeviceRegistered"})
    assert page.fragment() == "#/events?type=DeviceRegistered"
    first = positions(page)
    export(page)
    page.follow("Next page")
    page.wait("the next page", lambda: positions(page) and positions(page)[0] > first[-1])
    assert types(page) == {"DeviceRegistered"}
    page.driver.back()
    page.wait("the page before", lambda: positions(page) == first)
    page.go("#/events?principal=nonsense")
    page.wait("what is wrong", lambda: "principal must be" in page.text(".problem"))
    assert page.one("#events-principal").get_attribute("value") == "nonsense", "what was asked can be mended"
    page.go("#/events?type=NothingOfTheKind")
    page.wait("nothing", lambda: "No event matches" in page.text(".pager"))


def export(page):
    text = page.driver.execute_async_script(
        "const done = arguments[0]; fetch(document.querySelector('[download]').href).then(a => a.text()).then(done)")
    lines = [json.loads(line) for line in text.splitlines()]
    assert lines and all(line["specversion"] == "1.0" for line in lines), text[:500]
    assert all(line["eventtype"] == "DeviceRegistered" for line in lines), "the export is filtered as the list"


def streams(page, device):
    page.driver.find_element(By.LINK_TEXT, "Streams").click()
    page.wait("streams", lambda: page.all(".wide [data-stream]"))
    page.one("#streams-text").send_keys("Boiler", Keys.ENTER)
    name = f"device-{device.id}"
    page.wait("its stream", lambda: texts(page, ".wide .type") == [name])
    page.one(".wide .type").click()
    page.wait("its events", lambda: "DeviceRegistered" in types(page))
    known = page.ask("GET", f"/api/v1/streams/{name}/events")["items"]
    assert positions(page) == [event["position"] for event in known]
    page.wait("where it stands", lambda: f"{len(known)} events of default" in page.text(".card-body"))
    page.driver.find_element(By.LINK_TEXT, "The device").click()
    page.wait("the device", lambda: page.text(".device h1") == "<b>Boiler room</b>")


def chains(page):
    alert = page.ask("GET", "/api/v1/events?type=AlertRaised&limit=1")["items"][0]
    page.go(f"#/events/{alert['metadata']['id']}")
    page.wait("the event", lambda: f"AlertRaised #{alert['position']}" in page.text('[data-part="this-event"]'))
    assert json.loads(page.text('[data-part="this-event"] .json')) == alert["data"]
    causes = page.all('[data-part="causes"] li')
    origin = causes[0].find_element(By.CSS_SELECTOR, ".type")
    known = page.ask("GET", f"/api/v1/events/{alert['metadata']['id']}/chain")
    assert positions_in(page, "causes") == [event["position"] for event in known["causes"]]
    page.shoot("event")
    origin.click()
    page.wait("the origin", lambda: "nothing in the log led to it" in page.text('[data-part="causes"]'))
    assert alert["position"] in positions_in(page, "effects"), "what came of it"
    told = page.driver.execute_script("return document.querySelectorAll('[data-notification]').length")
    root = known["causes"][0]["metadata"]["id"]
    assert told == len(page.ask("GET", f"/api/v1/events/{root}/chain")["notifications"]) > 0, told
    page.go("#/events/00000000-0000-8000-8000-000000000000")
    page.wait("what is wrong", lambda: page.all(".problem"))


def positions_in(page, part):
    return page.driver.execute_script(
        "return [...document.querySelectorAll(`[data-part=${arguments[0]}] [data-position]`)].map(i => Number(i.dataset.position))",
        part)


def activity(page, device):
    page.go("#/activity")
    page.wait("what people did", lambda: page.all(".wide li"))
    shown = positions(page)
    assert shown == sorted(shown, reverse=True), "the newest first"
    assert all("user:" in text for text in texts(page, ".wide .event-where"))
    assert any(f"device-{device.id}" in text for text in texts(page, ".wide .event-where")), "its command is there"
    assert not page.all(".wide b img, .wide .event-data b"), "data must never become markup"
    page.follow("Next page")
    page.wait("what was done before", lambda: positions(page) and positions(page)[0] < shown[-1])
    Select(page.one("#activity-reads")).select_by_value("true")
    page.one("form[aria-label=Activity] button[type=submit]").click()
    page.wait("who read personal data", lambda: "reads=true" in page.fragment() and page.all(".wide li")
              and all("PersonalDataRead" in text for text in texts(page, ".wide li")))
    page.shoot("activity-reads")
