import Foundation

/// Translates between an aggregate's event enum and the stored form, and brings old payloads up to date on reading.
package struct EventCodec<Event: Sendable>: Sendable {
    /// One event type: its stored name, its current schema version, and how to read every version ever stored.
    package struct Entry: Sendable {
        let type: String
        let schemaVersion: Int32
        let eventClass: EventClass
        let encode: @Sendable (Event) throws -> [UInt8]?
        let decoders: [Int32: @Sendable ([UInt8]) throws -> Event]

        /// Describes a type whose payload is `Payload` today.
        ///
        /// - Parameters:
        ///   - schemaVersion: the version written today, from 1.
        ///   - eventClass: once telemetry, a type stays telemetry: stored events do not move.
        ///   - wrap: makes the event from its payload.
        ///   - unwrap: takes the payload out; nil for an event of another type.
        package init<Payload: Codable & Sendable>(
            _ type: String, schemaVersion: Int32 = 1, class eventClass: EventClass = .lifecycle,
            wrap: @escaping @Sendable (Payload) -> Event, unwrap: @escaping @Sendable (Event) -> Payload?
        ) {
            self.init(type, schemaVersion: schemaVersion, class: eventClass, wrap: wrap, unwrap: unwrap) { payload in
                Array(try JSONEncoder.events.encode(payload))
            }
        }

        /// Describes a type whose payload is written by `encode`, for one that comes so often that it pays.
        ///
        /// - Parameter decode: reads what `encode` writes; nil for anything else, which is then read as usual.
        package init<Payload: Codable & Sendable>(
            _ type: String, schemaVersion: Int32 = 1, class eventClass: EventClass = .lifecycle,
            wrap: @escaping @Sendable (Payload) -> Event, unwrap: @escaping @Sendable (Event) -> Payload?,
            encode: @escaping @Sendable (Payload) throws -> [UInt8],
            decode: @escaping @Sendable ([UInt8]) -> Payload? = { _ in nil }
        ) {
            self.type = type
            self.schemaVersion = schemaVersion
            self.eventClass = eventClass
            self.encode = { event in try unwrap(event).map(encode) }
            decoders = [
                schemaVersion: { bytes in
                    if let payload = decode(bytes) { return wrap(payload) }
                    return try wrap(JSONDecoder.events.decode(Payload.self, from: Data(bytes)))
                }
            ]
        }

        private init(
            type: String, schemaVersion: Int32, class eventClass: EventClass,
            encode: @escaping @Sendable (Event) throws -> [UInt8]?,
            decoders: [Int32: @Sendable ([UInt8]) throws -> Event]
        ) {
            self.type = type
            self.schemaVersion = schemaVersion
            self.eventClass = eventClass
            self.encode = encode
            self.decoders = decoders
        }

        /// Reads payloads of an older schema version as `Old` and makes today's event of them.
        package func upcasting<Old: Decodable & Sendable>(
            from version: Int32, _ upcast: @escaping @Sendable (Old) -> Event
        ) -> Entry {
            var decoders = decoders
            decoders[version] = { try upcast(JSONDecoder.events.decode(Old.self, from: Data($0))) }
            return Entry(
                type: type, schemaVersion: schemaVersion, class: eventClass, encode: encode, decoders: decoders)
        }
    }

    package struct Encoded: Sendable {
        package let type: String
        package let schemaVersion: Int32
        package let eventClass: EventClass
        package let data: [UInt8]
    }

    private let entries: [Entry]
    private let byType: [String: Entry]

    package init(_ entries: [Entry]) {
        self.entries = entries
        byType = Dictionary(entries.map { ($0.type, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The stored names of all types this codec knows.
    package var types: [String] { entries.map(\.type) }

    /// The stored names of those that are telemetry.
    package var telemetryTypes: Set<String> { Set(entries.filter { $0.eventClass == .telemetry }.map(\.type)) }

    /// - Throws: ``EventCodecError`` if no entry claims the event, or its payload has no JSON form (NaN).
    package func encode(_ event: Event) throws(EventCodecError) -> Encoded {
        for entry in entries {
            do {
                guard let data = try entry.encode(event) else { continue }
                return Encoded(
                    type: entry.type, schemaVersion: entry.schemaVersion, eventClass: entry.eventClass, data: data)
            } catch {
                throw .notEncodable(type: entry.type, reason: String(describing: error))
            }
        }
        throw .unknownType(String(describing: Swift.type(of: event)))
    }

    /// - Throws: ``EventCodecError`` for a type or schema version that this program does not know, or a payload that
    ///   does not fit its schema.
    package func decode(type: String, schemaVersion: Int32, data: [UInt8]) throws(EventCodecError) -> Event {
        guard let entry = byType[type] else { throw .unknownType(type) }
        guard let decoder = entry.decoders[schemaVersion] else {
            throw .unknownSchemaVersion(type: type, version: schemaVersion)
        }
        do {
            return try decoder(data)
        } catch {
            throw .malformed(type: type, reason: String(describing: error))
        }
    }

    package func decode(_ event: RecordedEvent) throws(EventCodecError) -> Event {
        if let known = event.decoded.value as? Event { return known }
        return try decode(type: event.type, schemaVersion: event.schemaVersion, data: event.data)
    }
}

package enum EventCodecError: Error, Sendable, Hashable {
    case unknownType(String)
    case unknownSchemaVersion(type: String, version: Int32)
    case malformed(type: String, reason: String)
    case notEncodable(type: String, reason: String)
}

extension JSONEncoder {
    /// Sorted keys, so that the same fact always has the same bytes.
    fileprivate static let events: JSONEncoder = {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }()
}

extension JSONDecoder {
    fileprivate static let events = JSONDecoder()
}
