package import Runtime

/// A type by its name, which is its account's.
package struct DeviceTypeName: Sendable, Hashable {
    package var account: AccountID
    package var type: DeviceType

    package init(account: AccountID, type: DeviceType) {
        self.account = account
        self.type = type
    }
}

/// All telemetry schemas at one moment. Never changed: whoever judges many readings holds one of these for all of them.
package final class TelemetrySchemas: Sendable {
    /// The ready-made types alone.
    package static let readyMade = TelemetrySchemas([:], [:], clockLimit: ReadingTime.usualLimit)

    private let own: [DeviceTypeName: TelemetryCheck]
    /// What devices of the types may send that say so.
    package let limits: [DeviceTypeName: MessageLimits]
    /// By how many microseconds a device's clock may be wrong.
    let clockLimit: Int64
    private static let common = ReadyMadeTypes.all.mapValues(TelemetryCheck.init)

    private init(
        _ own: [DeviceTypeName: TelemetryCheck], _ limits: [DeviceTypeName: MessageLimits], clockLimit: Int64
    ) {
        self.own = own
        self.limits = limits
        self.clockLimit = clockLimit
    }

    /// The same with another limit for devices' clocks.
    package func limitingClocks(toSeconds seconds: Int) -> TelemetrySchemas {
        TelemetrySchemas(own, limits, clockLimit: Int64(seconds) * 1_000_000)
    }

    /// The same with a type as its account has just defined it.
    package func defining(_ type: DeviceType, _ schema: TelemetrySchema, in account: AccountID) -> TelemetrySchemas {
        let name = DeviceTypeName(account: account, type: type)
        var (changed, limits) = (own, limits)
        changed[name] = TelemetryCheck(schema)
        limits[name] = schema.limits
        return TelemetrySchemas(changed, limits, clockLimit: clockLimit)
    }

    /// What a type says of its metrics; nothing if nobody has defined it.
    package func metrics(of type: DeviceType, account: AccountID) -> [String: MetricDefinition] {
        (own[DeviceTypeName(account: account, type: type)] ?? Self.common[type])?.metrics ?? [:]
    }

    /// What is odd about a reading of a device of this type; nil if nothing is, or nothing is known of the type.
    package func flags(
        of metrics: [String: MetricValue], type: DeviceType, account: AccountID
    ) -> ReadingFlags? {
        if !own.isEmpty, let check = own[DeviceTypeName(account: account, type: type)] {
            return check.flags(of: metrics)
        }
        return Self.common[type]?.flags(of: metrics)
    }
}

extension TelemetrySchemas: Equatable {
    package static func == (left: TelemetrySchemas, right: TelemetrySchemas) -> Bool {
        left === right
            || left.own == right.own && left.limits == right.limits && left.clockLimit == right.clockLimit
    }
}

/// A schema, ready to judge by.
private struct TelemetryCheck: Sendable, Equatable {
    let version: Int
    let metrics: [String: MetricDefinition]
    /// In the order of their names.
    let required: [String]

    init(_ schema: TelemetrySchema) {
        version = schema.version
        metrics = schema.metrics
        required = schema.metrics.filter(\.value.isRequired).keys.sorted()
    }

    func flags(of reading: [String: MetricValue]) -> ReadingFlags? {
        var odd: [String: ReadingFlags.Metric] = [:]
        for (name, value) in reading {
            guard let definition = metrics[name] else {
                odd[name] = .unknown
                continue
            }
            if let flag = definition.flag(value) { odd[name] = flag }
        }
        let missing = required.filter { reading[$0] == nil || reading[$0] == .null }
        if odd.isEmpty, missing.isEmpty { return nil }
        if odd.count > ReadingFlags.limit {
            let kept = odd.keys.sorted().prefix(ReadingFlags.limit)
            odd = Dictionary(uniqueKeysWithValues: kept.map { ($0, odd[$0] ?? .unknown) })
        }
        return ReadingFlags(metrics: odd, missing: missing, schema: version)
    }
}
