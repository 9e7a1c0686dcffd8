// The small cards of a device's page: its alerts, commands, configuration and limits.

import { changesTable } from "./changes.js";
import { link } from "./route.js";
import { ago, count, element, moment } from "./view.js";

const none = (text) => element("p", { class: "soft" }, text);

function list(items, empty) {
  return items.length ? element("ul", { class: "plain" }, ...items) : none(empty);
}

export function alertItems(alerts) {
  return list(alerts.map((alert) => element(
    "li", {}, element("span", { class: "severity", "data-severity": alert.state === "open" ? alert.severity : null }, alert.severity),
    element("div", {}, element("b", {}, alert.kind), ` ${alert.state}`,
      element("p", { class: "soft" }, alert.text),
      element("p", { class: "soft" }, element("time", { datetime: alert.raisedTime, title: alert.raisedTime }, ago(alert.raisedTime)), " · ",
        element("a", { href: link("streams", `alert-${alert.id}`) }, "its events"))))), "No alert was ever raised.");
}

export function commandItems(commands) {
  return list(commands.map((command) => element(
    "li", {}, element("span", { class: "state", "data-state": command.state }, command.state),
    element("div", {}, element("b", {}, command.name),
      element("p", { class: "soft mono" }, JSON.stringify(command.arguments ?? {})),
      command.outcome ? element("p", { class: "soft mono" }, command.outcome.error ?? JSON.stringify(command.outcome.result ?? null)) : null,
      element("p", { class: "soft" }, moment(command.issuedTime))))), "It was given no command.");
}

export function configurationBody({ desired, reported, differences, isInSync }) {
  if (!desired && !reported) return none("It has no configuration.");
  const shown = desired ?? reported;
  const said = isInSync ? "The device goes by it."
    : reported ? "The device goes by another one yet:" : "The device has not said yet what it goes by.";
  const changes = isInSync || !reported ? null
    : changesTable(differences.map(({ path, desired: to, reported: from }) => ({ field: path, from, to })), "");
  return element(
    "div", {}, element("pre", { class: "json" }, JSON.stringify(shown.config, null, 2)),
    element("p", { class: "soft" }, desired ? `Version ${count(desired.version)}, ${moment(desired.time)}. ${said}` : "As the device reports it."),
    changes);
}

const rates = [["messagesPerMinute", "messages a minute"], ["messageBurst", "messages at once"],
  ["bytesPerSecond", "bytes a second"], ["byteBurst", "bytes at once"]];

export function limitsBody({ device, type, effective }) {
  if (!effective) return none("Nothing is limited.");
  const owner = (name) => (device?.[name] !== undefined ? "its own" : type?.[name] !== undefined ? "of its type" : "of the server");
  return element("dl", { class: "facts" }, ...rates.flatMap(([name, words]) => [
    element("dt", {}, words), element("dd", {}, `${effective[name] === 0 ? "no limit" : count(effective[name])}, ${owner(name)}`)]),
    element("dt", {}, "beyond that"), element("dd", {}, effective.excess === "drop" ? "messages are dropped" : "it is disconnected"));
}
