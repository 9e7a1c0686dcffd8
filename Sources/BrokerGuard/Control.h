#ifndef GUARD_CONTROL_H
#define GUARD_CONTROL_H

#include "Guard.h"

// What the gateway says on the control topic; numbers are big-endian. Every message begins with "FG", the format's
// version 1 and a kind:
//
//   'H' hello    nothing else: tell this connection the status from now on, and what is to be reported while it is the
//                last one that has said so and is still there
//   'B' begin    load u64, is_reset u8, device count u32, reserved client ids: count u8, then each as text
//   'E' entries  load u64, entries up to the end
//   'C' commit   load u64, messages with entries u32, revision u64
//   'U' update   entries up to the end
//
//   entry: id text, revision u64, state u8, action u8, limit 4 x u32, key count u8, keys
//   key:   number u16, expires u32, kind u8, then
//          kind 1: SHA-256, 32 bytes; kind 2: rounds u32, salt text, PBKDF2-SHA512, 64 bytes;
//          kind 3: SHA-256 of a certificate, 32 bytes
//   text:  length u8, bytes
//
// After a begin with is_reset, entries of any revision count, and a commit ends everybody who was not named.
// An entry counts if its revision is not older than what is known of the device. A message is taken as a whole or not
// at all; one that cannot be read changes nothing.
typedef enum { guard_control_done, guard_control_hello, guard_control_malformed, guard_control_no_memory } guard_control_outcome;

guard_control_outcome guard_control(guard *guard, const void *message, size_t length, guard_time now);

#endif
