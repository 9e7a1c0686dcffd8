#include "TopicRules.h"

#include <string.h>

static const char *const up[] = {"telemetry", "status", "config/reported", "firmware/status", "commands/status"};
static const char *const down[] = {"config", "firmware", "commands", "receipts", "notices"};
static const char prefix[] = "devices/";

bool guard_is_device_id(const char *id, size_t length) {
    if (length == 0) return false;
    for (size_t at = 0; at < length; at++) {
        char c = id[at];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_plain && c != '_' && c != '.' && c != '-') return false;
    }
    return true;
}

// What follows `devices/<id>/`; null if the topic is not below the device.
static const char *name_below(const char *id, size_t id_length, const char *topic) {
    if (strncmp(topic, prefix, sizeof prefix - 1) != 0) return NULL;
    const char *rest = topic + sizeof prefix - 1;
    if (strncmp(rest, id, id_length) != 0 || rest[id_length] != '/') return NULL;
    return rest + id_length + 1;
}

bool guard_may_write(const char *id, size_t id_length, const char *topic, bool retained) {
    const char *name = name_below(id, id_length, topic);
    if (name == NULL) return false;
    if (retained) return strcmp(name, "status") == 0;
    for (size_t at = 0; at < sizeof up / sizeof *up; at++) {
        if (strcmp(name, up[at]) == 0) return true;
    }
    return false;
}

bool guard_may_read(const char *id, size_t id_length, const char *topic) {
    const char *name = name_below(id, id_length, topic);
    if (name == NULL) return false;
    for (size_t at = 0; at < sizeof down / sizeof *down; at++) {
        if (strcmp(name, down[at]) == 0) return true;
    }
    return false;
}
