import Runtime

/// What the gateway says to the broker's guard; `Sources/BrokerGuard/Control.h` describes the form.
struct GuardMessage {
    /// Where the guard listens. Only the gateway's user may publish there.
    static let topic = "$CONTROL/fleetlog/v1"

    private(set) var bytes: [UInt8]

    private init(_ kind: Character) { bytes = Array("FG".utf8) + [1] + Array(String(kind).utf8) }

    static var hello: GuardMessage { GuardMessage("H") }

    /// - Parameters:
    ///   - isReset: whether what the guard knows counts for less than this load, whatever its revisions.
    ///   - reserved: client ids that nobody but the gateway may take.
    static func begin(load: UInt64, isReset: Bool, devices: Int, reserved: [String]) -> GuardMessage {
        var message = GuardMessage("B")
        message.add(load)
        message.add(UInt8(isReset ? 1 : 0))
        message.add(UInt32(clamping: devices))
        message.add(UInt8(clamping: reserved.count))
        for id in reserved { message.add(text: Array(id.utf8)) }
        return message
    }

    static func entries(load: UInt64, _ accesses: [DeviceAccess], limit: (DeviceAccess) -> DeviceLimit) -> GuardMessage
    {
        var message = GuardMessage("E")
        message.add(load)
        for access in accesses { message.add(access, limit(access)) }
        return message
    }

    static func commit(load: UInt64, messages: Int, revision: Int64) -> GuardMessage {
        var message = GuardMessage("C")
        message.add(load)
        message.add(UInt32(clamping: messages))
        message.add(UInt64(clamping: revision))
        return message
    }

    static func update(_ accesses: [DeviceAccess], limit: (DeviceAccess) -> DeviceLimit) -> GuardMessage {
        var message = GuardMessage("U")
        for access in accesses { message.add(access, limit(access)) }
        return message
    }

    private mutating func add(_ access: DeviceAccess, _ limit: DeviceLimit) {
        // An id that the guard would refuse would take the whole message with it.
        guard access.device.utf8.count <= 31 else { return }
        add(text: Array(access.device.utf8))
        add(UInt64(clamping: access.revision))
        let state: UInt8 =
            switch access.state {
            case .active: 0
            case .quarantined: 1
            case .removed: 2
            }
        add(state)
        add(limit.action.rawValue)
        for number in [limit.messagesPerMinute, limit.messageBurst, limit.bytesPerSecond, limit.byteBurst] {
            add(number)
        }
        let keys = access.keys.suffix(16)
        add(UInt8(keys.count))
        for key in keys { add(key) }
    }

    private mutating func add(_ key: DeviceAccess.Key) {
        add(key.number)
        add(UInt32(clamping: key.expires.map { max(1, $0.microseconds / 1_000_000) } ?? 0))
        switch key.proof {
        case .sha256(let hash):
            add(UInt8(1))
            bytes += hash
        case .derived(let rounds, let salt, let hash):
            add(UInt8(2))
            add(rounds)
            add(text: salt)
            bytes += hash
        case .certificate(let hash):
            add(UInt8(3))
            bytes += hash
        }
    }

    private mutating func add(text: [UInt8]) {
        add(UInt8(clamping: text.count))
        bytes += text.prefix(255)
    }

    private mutating func add(_ number: some FixedWidthInteger) {
        withUnsafeBytes(of: number.bigEndian) { bytes += $0 }
    }
}
