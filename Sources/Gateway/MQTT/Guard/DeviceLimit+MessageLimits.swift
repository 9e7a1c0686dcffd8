import Aggregates

extension DeviceLimit {
    /// These limits, where the device and its type say nothing else.
    func overridden(by own: MessageLimits?, type: MessageLimits?) -> DeviceLimit {
        let type = type?.over(nil)
        guard let limits = own.map({ $0.over(type) }) ?? type else { return self }
        var result = self
        if let number = limits.messagesPerMinute { result.messagesPerMinute = UInt32(clamping: number) }
        if let number = limits.messageBurst { result.messageBurst = UInt32(clamping: number) }
        if let number = limits.bytesPerSecond { result.bytesPerSecond = UInt32(clamping: number) }
        if let number = limits.byteBurst { result.byteBurst = UInt32(clamping: number) }
        switch limits.excess {
        case .disconnect: result.action = .disconnect
        case .drop: result.action = .drop
        case nil: break
        }
        return result
    }
}

extension DeviceAccess {
    /// What the device may send, by its own limits, those of its type, and the server's.
    func limit(by schemas: TelemetrySchemas?, _ standard: DeviceLimit) -> DeviceLimit {
        let type = type.flatMap { schemas?.limits[$0] }
        return standard.overridden(by: limits, type: type)
    }
}
