#ifndef BROKER_GUARD_H
#define BROKER_GUARD_H

// A plugin for Mosquitto 2.0 (plugin interface 5). The broker calls the three functions of mosquitto_plugin.h, which
// Plugin.c defines; nothing else is meant for outsiders. docs/decisions/0028-a-guard-in-the-broker.md says what it does and how it is fed.

// The topic over which the gateway, and nobody else, fills the table.
#define GUARD_CONTROL_TOPIC "$CONTROL/fleetlog/v1"
// What the plugin tells the gateway's connections that said hello, and the last of them.
#define GUARD_STATUS_TOPIC "fleetlog/guard/status"
#define GUARD_REPORT_TOPIC "fleetlog/guard/report"
// The user property that says when a message came: milliseconds since 1970, and a tag.
#define GUARD_ARRIVAL_PROPERTY "fleetlog-arrival"

#endif
