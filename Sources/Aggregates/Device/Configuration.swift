package import Runtime

/// What a device is to be set to, and what it says that it is set to.
package struct Configuration: Sendable, Hashable, Codable {
    /// About the bytes of each of the two; they are part of every snapshot of the device.
    package static let mostBytes = 8 << 10
    package static let mostLevels = 8
    package static let mostErrorBytes = 500

    package struct Desired: Sendable, Hashable, Codable {
        /// Counted from 1.
        package var version: Int64
        package var config: [String: JSONValue]
        package var time: Timestamp
    }

    package struct Reported: Sendable, Hashable, Codable {
        /// Of the desired configuration that the device answers to, by its own account.
        package var version: Int64?
        package var config: [String: JSONValue]
        /// Why the device has not done what was desired.
        package var error: String?
        package var time: Timestamp
    }

    /// Where the two are not the same, as a path of RFC 6901.
    package struct Difference: Sendable, Hashable {
        package var path: String
        /// Nil where there is nothing.
        package var desired: JSONValue?
        package var reported: JSONValue?

        package init(path: String, desired: JSONValue?, reported: JSONValue?) {
            self.path = path
            self.desired = desired
            self.reported = reported
        }
    }

    package private(set) var desired: Desired?
    package private(set) var reported: Reported?

    package init() {}

    package var version: Int64 { desired?.version ?? 0 }

    /// In the order of their paths; lists are compared as a whole.
    package var differences: [Difference] {
        Self.differences("", .object(desired?.config ?? [:]), .object(reported?.config ?? [:]))
    }

    private static func differences(_ path: String, _ desired: JSONValue?, _ reported: JSONValue?) -> [Difference] {
        if desired == reported { return [] }
        guard case .object(let wanted) = desired, case .object(let actual) = reported else {
            return [Difference(path: path, desired: desired, reported: reported)]
        }
        return Set(wanted.keys).union(actual.keys).sorted().flatMap { key in
            let part = key.split(separator: "~", omittingEmptySubsequences: false).joined(separator: "~0")
                .split(separator: "/", omittingEmptySubsequences: false).joined(separator: "~1")
            return differences("\(path)/\(part)", wanted[key], actual[key])
        }
    }

    func events(
        desiring config: [String: JSONValue], ifVersion expected: Int64?
    ) throws(Device.Rejection) -> [Device.Event] {
        if let expected, expected != version { throw .configurationMoved(version: version) }
        try Self.check(config)
        if config == desired?.config { return [] }
        return [.configurationDesired(ConfigurationDesired(version: version + 1, config: config))]
    }

    func events(upon report: ConfigurationReported) throws(Device.Rejection) -> [Device.Event] {
        try Self.check(report.config)
        if let version = report.version, version < 0 || version > self.version {
            throw .malformed(field: "version", reason: "is none that the device was given")
        }
        let known = reported.map {
            ConfigurationReported(version: $0.version, config: $0.config, error: $0.error)
        }
        return known == report ? [] : [.configurationReported(report)]
    }

    private static func check(_ config: [String: JSONValue]) throws(Device.Rejection) {
        let value = JSONValue.object(config)
        guard value.depth <= mostLevels else {
            throw .malformed(field: "config", reason: "may have \(mostLevels) levels")
        }
        guard value.approximateBytes <= mostBytes else {
            throw .malformed(field: "config", reason: "may have \(mostBytes) bytes")
        }
    }

    mutating func desire(_ fact: ConfigurationDesired, at time: Timestamp) {
        desired = Desired(version: fact.version, config: fact.config, time: time)
    }

    mutating func report(_ fact: ConfigurationReported, at time: Timestamp) {
        reported = Reported(version: fact.version, config: fact.config, error: fact.error, time: time)
    }

    var approximateHeapBytes: Int {
        [desired?.config, reported?.config].reduce(0) {
            $0 + ($1.map { JSONValue.object($0).approximateBytes * 4 } ?? 0)
        }
    }
}

package struct ConfigurationDesired: Sendable, Codable, Equatable {
    package var version: Int64
    package var config: [String: JSONValue]

    package init(version: Int64, config: [String: JSONValue]) {
        self.version = version
        self.config = config
    }
}

package struct ConfigurationReported: Sendable, Codable, Equatable {
    package var version: Int64?
    package var config: [String: JSONValue]
    package var error: String?

    package init(version: Int64? = nil, config: [String: JSONValue], error: String? = nil) {
        self.version = version
        self.config = config
        self.error = error
    }
}
