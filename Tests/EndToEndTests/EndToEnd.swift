import Testing

/// One after the other: each of these loads the whole machine, and measures how long things take.
@Suite(.serialized) enum EndToEnd {}
