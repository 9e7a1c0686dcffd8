#ifndef GUARD_REPORT_H
#define GUARD_REPORT_H

#include "Guard.h"

// What the plugin tells the gateway, as JSON; ids hold nothing that JSON would have to escape.

// Figures since the broker's start. Returns the length, 0 if it does not fit.
size_t guard_write_status(const guard *guard, char *into, size_t room);
// What happened to devices since they were reported last, those that are due now and fit; 0 if there are none.
size_t guard_write_report(guard *guard, char *into, size_t room, guard_time now);

#endif
