#ifndef GUARD_TOPIC_RULES_H
#define GUARD_TOPIC_RULES_H

#include <stdbool.h>
#include <stddef.h>

// The topics of a device: `devices/<its id>/<name>`, each in one direction, letter for letter.
// Anything else is refused: wildcards, `$share`, `$SYS`, `$CONTROL`, empty levels, other ids.

// Whether an id can stand in a topic and in JSON as it is.
bool guard_is_device_id(const char *id, size_t length);
bool guard_may_write(const char *id, size_t id_length, const char *topic, bool retained);
// A subscription's filter, or the topic of a message on its way to the device.
bool guard_may_read(const char *id, size_t id_length, const char *topic);

#endif
