package import Runtime

/// The value of one metric of a reading.
package enum MetricValue: Sendable, Hashable, Codable {
    case number(Double)
    case text(String)
    case flag(Bool)
    case null

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else if let flag = try? container.decode(Bool.self) {
            self = .flag(flag)
        } else {
            self = .text(try container.decode(String.self))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .number(let number): try container.encode(number)
        case .text(let text): try container.encode(text)
        case .flag(let flag): try container.encode(flag)
        case .null: try container.encodeNil()
        }
    }
}

/// The newest value of a metric by observed time.
package struct LatestReading: Sendable, Hashable, Codable {
    package var value: MetricValue
    package var time: Timestamp

    package init(value: MetricValue, time: Timestamp) {
        self.value = value
        self.time = time
    }

    /// Reads what its `Codable` form is; nil if Foundation must read it.
    package init?(_ cursor: inout CanonicalCursor) {
        var (value, time): (MetricValue?, Timestamp?)
        let isWhole = cursor.object { name, cursor in
            switch name {
            case "value": cursor.take(optional: &value) { $0.value() }
            case "time": cursor.take(optional: &time) { $0.time() }
            default: false
            }
        }
        guard isWhole, let value, let time else { return nil }
        self.init(value: value, time: time)
    }
}
