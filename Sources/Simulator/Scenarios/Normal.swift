/// One reading a turn, sent at once.
struct Normal: Scenario {}
