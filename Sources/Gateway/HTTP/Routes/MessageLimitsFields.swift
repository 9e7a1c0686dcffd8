import Aggregates

extension RequestFields {
    /// Null, or an empty object, removes what is known.
    mutating func optionalLimits(_ name: String) throws(Problem) -> MessageLimits? {
        if takeNull(name) { return MessageLimits() }
        guard var fields = try optionalFields(name) else { return nil }
        var limits = MessageLimits(
            messagesPerMinute: try fields.optionalWholeNumber("messagesPerMinute"),
            messageBurst: try fields.optionalWholeNumber("messageBurst"),
            bytesPerSecond: try fields.optionalWholeNumber("bytesPerSecond"),
            byteBurst: try fields.optionalWholeNumber("byteBurst"))
        if let text = try fields.optionalText("excess") {
            guard let excess = MessageLimits.Excess(rawValue: text) else {
                throw .malformed("\(name).excess", "\(name).excess must be disconnect or drop.")
            }
            limits.excess = excess
        }
        try fields.finish(known: "messagesPerMinute, messageBurst, bytesPerSecond, byteBurst, excess")
        return limits
    }
}
