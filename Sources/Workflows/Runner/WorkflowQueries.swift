package import Runtime

/// What people ask about workflows.
package protocol WorkflowQueries: Sendable {
    func workflows() async throws(EventStoreError) -> [WorkflowStatus]
    /// Instances that cannot go on, by workflow and key.
    func stopped(_ workflow: String, limit: Int) async throws(EventStoreError) -> [StoppedInstance]
    /// Asks for another attempt at a stopped instance; false if it is not stopped. Whoever runs the workflows notices.
    func retry(_ workflow: String, key: String) async throws(EventStoreError) -> Bool
}

package struct WorkflowStatus: Sendable, Hashable {
    package var name: String
    /// The log is reacted to up to here.
    package var position: Int64
    /// How far that trails the newest event.
    package var tether: Int64
    /// How long the oldest event has waited that was not reacted to yet, in seconds; 0 if none waits.
    package var tetherSeconds: Double
    /// Those that are stored; an instance that was never stored is not counted yet.
    package var instances: Int64
    package var stopped: Int64
    package var timers: Int64
    /// Commands in the outbox.
    package var commands: Int64

    package init(
        name: String, position: Int64, tether: Int64, tetherSeconds: Double, instances: Int64, stopped: Int64,
        timers: Int64, commands: Int64
    ) {
        self.name = name
        self.position = position
        self.tether = tether
        self.tetherSeconds = tetherSeconds
        self.instances = instances
        self.stopped = stopped
        self.timers = timers
        self.commands = commands
    }
}

package struct StoppedInstance: Sendable, Hashable {
    package var workflow: String
    package var key: String
    /// The position at which it stopped.
    package var position: Int64
    package var reason: String
    package var time: Timestamp
    /// Whether another attempt is asked for.
    package var isToBeRetried: Bool

    package init(
        workflow: String, key: String, position: Int64, reason: String, time: Timestamp, isToBeRetried: Bool
    ) {
        self.workflow = workflow
        self.key = key
        self.position = position
        self.reason = reason
        self.time = time
        self.isToBeRetried = isToBeRetried
    }
}
