/// The devices of a rollout, in the order of its plan, and how far each has come.
package struct RolloutDevices: Sendable {
    /// How far one device has come.
    package struct Entry: Sendable, Hashable {
        package var state = InstallationState.scheduled
        /// From 1; the attempt under way, or the last one if there is none.
        package var attempt = 1
        /// The attempt has come to nothing and the next one is not due yet.
        package var awaitsRetry = false
    }

    /// Neither these nor their places change once the rollout is created, so all copies share them.
    package private(set) var ids: [String] = []
    private var places: [String: Int] = [:]
    private var entries = ChunkedArray<Entry>()

    package init() {}

    package var count: Int { ids.count }

    package func place(of device: String) -> Int? { places[device] }

    package subscript(place: Int) -> Entry {
        get { entries[place] }
        set { entries[place] = newValue }
    }

    mutating func append(_ devices: [String]) {
        places.reserveCapacity(count + devices.count)
        for device in devices {
            places[device] = count
            ids.append(device)
            entries.append(Entry())
        }
    }
}

extension RolloutDevices: Equatable {
    package static func == (left: Self, right: Self) -> Bool { left.ids == right.ids && left.entries == right.entries }
}

/// Kept as two arrays, one of ids and one of numbers.
extension RolloutDevices: Codable {
    private enum Key: CodingKey { case ids, entries }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        append(try container.decode([String].self, forKey: .ids))
        let packed = try container.decode([Int].self, forKey: .entries)
        guard packed.count == count else {
            throw DecodingError.dataCorruptedError(forKey: .entries, in: container, debugDescription: "one a device")
        }
        for (place, number) in packed.enumerated() {
            guard let entry = Entry(packed: number) else {
                throw DecodingError.dataCorruptedError(forKey: .entries, in: container, debugDescription: "\(number)")
            }
            entries[place] = entry
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(ids, forKey: .ids)
        try container.encode(entries.map(\.packed), forKey: .entries)
    }
}

extension RolloutDevices.Entry {
    private static let states: [InstallationState] = [
        .scheduled, .notified, .downloading, .installing, .succeeded, .failed, .timedOut, .cancelled,
    ]

    fileprivate var packed: Int {
        attempt * 16 + (awaitsRetry ? 8 : 0) + (Self.states.firstIndex(of: state) ?? 0)
    }

    fileprivate init?(packed: Int) {
        guard packed >= 16 else { return nil }
        self.init(state: Self.states[packed % 8], attempt: packed / 16, awaitsRetry: packed / 8 % 2 == 1)
    }
}
