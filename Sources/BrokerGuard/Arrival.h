#ifndef GUARD_ARRIVAL_H
#define GUARD_ARRIVAL_H

#include "KeyedHash.h"

enum { guard_arrival_room = 48 };

// The gateway makes the same key of its password, which nobody else knows.
guard_hash_key guard_arrival_key(const char *gateway_password);

// Writes when a message came to this topic, with a tag that proves who says so: whatever a device sends of itself under
// the property's name, also with a will, whose properties nobody is shown, has none. Devices are never sent it.
void guard_write_arrival(
    guard_hash_key key, const char *topic, uint64_t unix_ms, char into[guard_arrival_room]);

#endif
