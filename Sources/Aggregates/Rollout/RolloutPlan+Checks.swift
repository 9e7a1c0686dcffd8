import Runtime

extension RolloutPlan {
    package static let mostDevices = 100_000
    package static let mostAttempts = 100
    package static let longestTimeout = 30 * 24 * 3_600

    /// How many bytes of device ids one event may hold; with their quotes well below what the log takes.
    private static let roomForIDs = 400_000

    /// - Throws: `malformed` with the name of the field.
    func check() throws(Rollout.Rejection) {
        guard FirmwareReport.isVersion(version) else {
            throw .malformed(field: "version", reason: "must be 1 to 64 printable characters of ASCII")
        }
        try artifact.check()
        guard (1...Self.mostDevices).contains(devices.count) else {
            throw .malformed(field: "devices", reason: "must be 1 to \(Self.mostDevices)")
        }
        guard Set(devices).count == devices.count else {
            throw .malformed(field: "devices", reason: "must name each device once")
        }
        guard devices.allSatisfy({ StreamName("\(Device.category)-\($0)") != nil }) else {
            throw .malformed(field: "devices", reason: "must be ids of devices")
        }
        let numbers = [
            ("groupSize", groupSize, 1...Self.mostDevices), ("successThreshold", successThreshold, 1...100),
            ("errorThreshold", errorThreshold, 0...100), ("attempts", attempts, 1...Self.mostAttempts),
            ("deviceTimeout", deviceTimeout, 1...Self.longestTimeout),
        ]
        for (field, number, range) in numbers where !range.contains(number) {
            throw .malformed(field: field, reason: "must be a number from \(range.lowerBound) to \(range.upperBound)")
        }
    }

    /// The devices in parts that have room in one event each; at least one part.
    static func parts(of devices: some Collection<String>) -> [[String]] {
        var parts: [[String]] = [[]]
        var room = roomForIDs
        for device in devices {
            room -= device.utf8.count
            if room < 0 {
                parts.append([])
                room = roomForIDs - device.utf8.count
            }
            parts[parts.count - 1].append(device)
        }
        return parts
    }

    package var groupCount: Int { (devices.count + groupSize - 1) / groupSize }
}

extension FirmwareArtifact {
    fileprivate func check() throws(Rollout.Rejection) {
        let hasHost = ["http://", "https://"].contains { scheme in
            url.hasPrefix(scheme) && url.utf8.count > scheme.utf8.count && !url.dropFirst(scheme.count).hasPrefix("/")
        }
        guard hasHost, url.utf8.count <= 2_000, url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw .malformed(field: "artifact.url", reason: "must be a URL with http or https of at most 2,000 bytes")
        }
        guard sha256.utf8.count == 64, sha256.allSatisfy(\.isHexDigit) else {
            throw .malformed(field: "artifact.sha256", reason: "must be 64 hexadecimal digits")
        }
    }
}

extension FirmwareReport {
    /// Whether a text can be the name of a firmware version.
    package static func isVersion(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count) && text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F }
    }
}
