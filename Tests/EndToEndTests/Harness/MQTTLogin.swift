/// What a client says when it connects.
struct MQTTLogin: Sendable {
    struct Will: Sendable {
        var topic: String
        var payload: [UInt8]
        var isRetained = false
        /// With version 5 only; 127 bytes at most.
        var properties: [UInt8] = []
    }

    var user: String?
    var password: String?
    var clientID: String
    /// 5, or 4 for version 3.1.1.
    var version: UInt8 = 5
    var will: Will?
    /// Seconds for which the session outlives its connection, with version 5.
    var sessionExpiry: UInt32?

    init(
        user: String?, password: String?, clientID: String = "c-\(UInt32.random(in: .min ... .max))",
        version: UInt8 = 5, will: Will? = nil, sessionExpiry: UInt32? = nil
    ) {
        self.user = user
        self.password = password
        self.clientID = clientID
        self.version = version
        self.will = will
        self.sessionExpiry = sessionExpiry
    }

    /// Clean start; no keepalive; no property but the expiry, without which the session ends with the connection.
    var packet: [UInt8] {
        var flags: UInt8 = 2
        if user != nil { flags |= 0x80 }
        if password != nil { flags |= 0x40 }
        if let will { flags |= will.isRetained ? 0x2c : 0x0c }
        var body = MQTTPacket.text("MQTT") + [version, flags, 0, 0] + expiry + MQTTPacket.text(clientID)
        if let will {
            body += version == 5 ? [UInt8(will.properties.count)] + will.properties : []
            body += MQTTPacket.text(will.topic) + MQTTPacket.word(UInt16(will.payload.count)) + will.payload
        }
        for text in [user, password] { body += text.map { MQTTPacket.text($0) } ?? [] }
        return MQTTPacket.packet(0x10, body)
    }

    private var properties: [UInt8] { version == 5 ? [0] : [] }

    private var expiry: [UInt8] {
        guard let sessionExpiry, version == 5 else { return properties }
        return [5, 0x11] + MQTTPacket.word(UInt16(sessionExpiry >> 16))
            + MQTTPacket.word(UInt16(sessionExpiry & 0xffff))
    }
}

extension MQTTPacket {
    /// One of the form that the version has; QoS 0 has no packet id.
    static func publish(
        _ payload: [UInt8], to topic: [UInt8], packetID: UInt16, qos: UInt8, isRetained: Bool, version: UInt8
    ) -> [UInt8] {
        let name = word(UInt16(topic.count)) + topic + (qos > 0 ? word(packetID) : [])
        return packet(0x30 | qos << 1 | (isRetained ? 1 : 0), name + (version == 5 ? [0] : []) + payload)
    }

    /// One of version 5 that carries so many empty user properties beside its payload.
    static func publish(_ payload: [UInt8], to topic: String, packetID: UInt16, userProperties: Int) -> [UInt8] {
        let empty: [UInt8] = [0x26, 0, 0, 0, 0]
        let properties = [UInt8]((0..<userProperties).map { _ in empty }.joined())
        return packet(0x32, text(topic) + word(packetID) + digits(of: properties.count) + properties + payload)
    }

    static func subscribe(to filter: [UInt8], packetID: UInt16, version: UInt8) -> [UInt8] {
        packet(0x82, word(packetID) + (version == 5 ? [0] : []) + word(UInt16(filter.count)) + filter + [1])
    }
}
