package import Runtime

/// The event that begins a generation; its version in the stream `ingest-mqtt` is the generation's number.
package struct IngestGenerationStarted: Sendable, Codable, Equatable {
    package var server: String
    package var reason: String
    /// Earlier generations of which messages may still be delivered again.
    package var open: [Int64]

    package static let type = "IngestGenerationStarted"

    package init(server: String, reason: String, open: [Int64]) {
        self.server = server
        self.reason = reason
        self.open = open
    }
}

/// Under which generation a message came, and under which it may have come before.
package struct DeliveryStamp: Sendable, Hashable {
    package var generation: Int64
    package var earlier: [Int64]
    /// The packet id. A message of QoS 0 has none and is never delivered again; a running number below zero stands in.
    package var number: Int64

    package init(generation: Int64, earlier: [Int64], number: Int64) {
        self.generation = generation
        self.earlier = earlier
        self.number = number
    }
}

/// Gives each delivery a generation within which the broker's packet ids do not repeat.
///
/// A generation begins with each connection and after `length` messages. The broker counts packet ids up to 65,535, in
/// the order in which messages reach it, and has at most 4,000 unacknowledged, which it delivers first of all after a
/// reconnect. So a generation never sees a packet id twice, only the first messages of a connection can have come
/// before, and they came in one of the open generations. A generation is closed when `length` messages have followed
/// it on one connection. At most `mostOpen` are open: with the current one they span 59,500 messages at the most, so
/// that a new message never meets its own packet id of 65,535 messages ago and is lost; after so many connections in a
/// row that end early, a message without `seq` and `ts` may rather be counted twice.
package struct DeliveryGenerations: Sendable, Equatable {
    /// Messages; a round may exceed it by 4,000.
    package static let length = 4_500
    /// As long as this is not exceeded on a connection, a message may have come before: more than can be under way.
    package static let window = 4_500
    package static let mostOpen = 6

    package private(set) var current: Int64
    package private(set) var open: [Int64]
    private var receivedOnConnection = 0
    private var receivedInGeneration = 0
    private var unnumbered: Int64 = 0

    /// The last generation of the log, and those that were open when it began.
    package struct Latest: Sendable, Equatable {
        package var number: Int64
        package var open: [Int64]

        package init(number: Int64, open: [Int64]) {
            self.number = number
            self.open = open
        }
    }

    /// The generations to be named in the event of a new connection.
    ///
    /// - Parameters:
    ///   - latest: nil if there is none yet.
    ///   - sessionPresent: false if the broker has forgotten what it had delivered.
    package static func openAtConnect(after latest: Latest?, sessionPresent: Bool) -> [Int64] {
        guard sessionPresent, let latest else { return [] }
        return Array((latest.open + [latest.number]).suffix(mostOpen))
    }

    /// Begins a connection; the event is in the log.
    package init(current: Int64, open: [Int64]) {
        self.current = current
        self.open = open
    }

    /// The stream must stand here when the events of a message are stored.
    package var fence: StreamVersion { StreamVersion(IngestStreams.generations, at: current) }

    /// The stamp of the next message.
    package mutating func stamp(packetID: UInt16) -> DeliveryStamp {
        guard packetID > 0 else {
            unnumbered += 1
            return DeliveryStamp(generation: current, earlier: [], number: -unnumbered)
        }
        let mayBeRepeated = receivedOnConnection < Self.window
        receivedOnConnection += 1
        receivedInGeneration += 1
        return DeliveryStamp(generation: current, earlier: mayBeRepeated ? open : [], number: Int64(packetID))
    }

    /// Whether the next generation should begin before another round is read.
    package var isFull: Bool { receivedInGeneration >= Self.length }

    /// The generations to be named in the event of the next generation on this connection.
    package var openAtNext: [Int64] { [current] }

    /// Goes on under the next generation; its event is in the log.
    package mutating func began(_ generation: Int64) {
        open = openAtNext
        current = generation
        receivedInGeneration = 0
    }
}

package enum IngestStreams {
    package static let category = "ingest"
    package static let generations = StreamName(category: category, id: "mqtt")
    package static let refusals = StreamName(category: category, id: "refusals")
}
