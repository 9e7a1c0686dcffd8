/// That a stream has accepted a command which may be sent again; remembered also if the command left no events.
package struct Acceptance: Sendable, Hashable {
    package var command: UUID128
    package var stream: StreamName
    /// The stream's version after the command.
    package var version: Int64
    /// What the command said, as a hash.
    package var fingerprint: UUID128

    package init(of command: UUID128, by stream: StreamName, version: Int64, fingerprint: UUID128) {
        self.command = command
        self.stream = stream
        self.version = version
        self.fingerprint = fingerprint
    }
}

/// An acceptance as it was stored.
package struct RecordedAcceptance: Sendable, Hashable {
    package var command: UUID128
    package var stream: StreamName
    /// The stream's version after the command.
    package var version: Int64
    /// The position of the stream's last event after the command; 0 without events.
    package var position: Int64
    package var fingerprint: UUID128

    package init(_ acceptance: Acceptance, position: Int64) {
        command = acceptance.command
        stream = acceptance.stream
        version = acceptance.version
        fingerprint = acceptance.fingerprint
        self.position = position
    }
}
