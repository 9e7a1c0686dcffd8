import Foundation

/// An aggregate's encoded memory at a version.
package struct Snapshot: Sendable, Hashable {
    package var stream: StreamName
    package var version: Int64
    /// The shape of the state; see ``Decider/stateVersion``.
    package var stateVersion: Int32
    /// When the last event of the state was recorded; nil if that is not known.
    package var recordedTime: Timestamp?
    /// LZ4-compressed JSON.
    package var data: [UInt8]
    /// The size of `data` before compression, in bytes.
    package var uncompressedSize: Int

    package init(
        stream: StreamName, version: Int64, stateVersion: Int32, recordedTime: Timestamp?, data: [UInt8],
        uncompressedSize: Int
    ) {
        self.stream = stream
        self.version = version
        self.stateVersion = stateVersion
        self.recordedTime = recordedTime
        self.data = data
        self.uncompressedSize = uncompressedSize
    }
}

/// Where snapshots are kept. They are an aid only: each can be thrown away.
package protocol SnapshotStore: Sendable {
    /// The newest snapshot of the stream, or nil.
    func latest(of stream: StreamName) async throws(EventStoreError) -> Snapshot?

    /// The newest snapshot of each of the streams, some hundreds at most, that has one.
    func latest(of streams: [StreamName]) async throws(EventStoreError) -> [StreamName: Snapshot]

    /// The newest snapshot of that state version up to `version` and, unless nil, recorded up to `time`; or nil.
    func newest(
        of stream: StreamName, notAfter version: Int64, recordedBy time: Timestamp?, stateVersion: Int32
    ) async throws(EventStoreError) -> Snapshot?

    /// Hands the snapshot over to be written soon; `encode` runs off the caller's path. A newer offer for the same
    /// stream replaces one that still waits, and under pressure offers are dropped. What ``SnapshotThinning`` finds
    /// surplus then is deleted with the writing.
    func offer(_ stream: StreamName, version: Int64, encode: @escaping @Sendable () throws -> Snapshot)
}

/// What a snapshot holds, before compression as JSON.
package struct SnapshotBody<State: Codable & Sendable>: Codable, Sendable {
    package var state: State
    package var position: Int64
    package var recentCommands: RecentCommands

    package init(state: State, position: Int64, recentCommands: RecentCommands) {
        self.state = state
        self.position = position
        self.recentCommands = recentCommands
    }
}

extension AggregateMemory {
    package func snapshot(of stream: StreamName) throws -> Snapshot {
        let body = SnapshotBody(state: state, position: position, recentCommands: recentCommands)
        let encoder = JSONEncoder()
        // An escape is what a decider's own reader leaves to Foundation; base 64 is full of slashes.
        encoder.outputFormatting = .withoutEscapingSlashes
        let plain = Array(try encoder.encode(body))
        return Snapshot(
            stream: stream, version: version, stateVersion: D.stateVersion, recordedTime: recordedTime,
            data: try LZ4.compress(plain), uncompressedSize: plain.count)
    }

    /// Nil if the snapshot is of another state version or cannot be read: it is then ignored and replaced.
    package init?(_ snapshot: Snapshot) {
        guard snapshot.stateVersion == D.stateVersion,
            let plain = try? LZ4.decompress(snapshot.data, size: snapshot.uncompressedSize),
            let body = plain.withUnsafeBufferPointer(D.snapshotBody)
                ?? (try? JSONDecoder().decode(SnapshotBody<D.State>.self, from: Data(plain)))
        else { return nil }
        self.init(
            state: body.state, version: snapshot.version, position: body.position,
            recentCommands: body.recentCommands)
    }
}
