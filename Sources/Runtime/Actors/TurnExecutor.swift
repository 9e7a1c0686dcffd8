/// The executor that a directory shares with its actors.
///
/// A round for a thousand aggregates would otherwise hop to a thousand actors and back; on one executor their turns
/// begin, travel to the log and end together. What takes long, reading a stream and folding it, leaves the executor.
actor TurnExecutor {}
