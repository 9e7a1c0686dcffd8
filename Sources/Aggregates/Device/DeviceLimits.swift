/// What the fields of a device may hold.
enum DeviceLimits {
    static func check(_ text: String, as field: String, atMost limit: Int) throws(Device.Rejection) {
        if text.utf8.count > limit { throw .malformed(field: field, reason: "may have \(limit) bytes") }
        if text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) {
            throw .malformed(field: field, reason: "must not contain control characters")
        }
    }

    static func check(serial: String) throws(Device.Rejection) {
        try check(serial, as: "serial", atMost: 100)
        if serial.isEmpty { throw .malformed(field: "serial", reason: "must not be empty") }
    }

    static func check(reason: String, isRequired: Bool = false) throws(Device.Rejection) {
        if isRequired, reason.isEmpty { throw .malformed(field: "reason", reason: "must not be empty") }
        if reason.utf8.count > 500 { throw .malformed(field: "reason", reason: "may have 500 bytes") }
    }

    /// Bounds what an event and a row of a view can come to.
    static func check(metadata: [String: JSONValue]) throws(Device.Rejection) {
        let object = JSONValue.object(metadata)
        if object.depth > 8 { throw .malformed(field: "metadata", reason: "may be nested 8 levels deep") }
        if object.approximateBytes > 8_192 { throw .malformed(field: "metadata", reason: "may have 8192 bytes") }
    }

    static func check(type: DeviceType) throws(Device.Rejection) {
        let isName = type.rawValue.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): true
            default: false
            }
        }
        guard isName, (1...64).contains(type.rawValue.utf8.count) else {
            throw .malformed(field: "type", reason: "must be 1 to 64 of a-z, 0-9 and -")
        }
    }

    static func check(labels: [String: String]) throws(Device.Rejection) {
        if labels.count > 64 { throw .malformed(field: "labels", reason: "may have 64 entries") }
        for (key, value) in labels {
            if key.isEmpty { throw .malformed(field: "labels", reason: "a key must not be empty") }
            try check(key, as: "labels", atMost: 64)
            try check(value, as: "labels", atMost: 256)
        }
    }
}
