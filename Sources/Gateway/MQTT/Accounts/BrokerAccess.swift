/// The texts of the broker's `acl_file` and `password_file`.
enum BrokerAccess {
    /// The gateway may do everything; a device writes and reads its own topics, each in its one direction.
    static func accessText(gatewayUser: String) -> String {
        let up = ["telemetry", "status", "config/reported", "firmware/status", "commands/status"]
        let down = ["config", "firmware", "commands", "receipts", "notices"]
        let patterns =
            up.map { "pattern write devices/%u/\($0)" } + down.map { "pattern read devices/%u/\($0)" }
        return """
            user \(gatewayUser)
            topic readwrite #
            topic read $SYS/#

            \(patterns.joined(separator: "\n"))

            """
    }

    /// One line a user. A device that bears the gateway's name is left out, or its key would open every topic.
    static func passwordText(gateway: (user: String, verifier: String), devices: [String: String]) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(200 * (devices.count + 1))
        func add(_ user: String, _ verifier: String) {
            text += user.utf8
            text.append(UInt8(ascii: ":"))
            text += verifier.utf8
            text.append(UInt8(ascii: "\n"))
        }
        add(gateway.user, gateway.verifier)
        for (device, verifier) in devices where device != gateway.user { add(device, verifier) }
        return text
    }
}
