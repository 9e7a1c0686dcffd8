import Runtime

extension StreamName {
    /// A stream that no other test uses.
    static func fresh(_ category: String) -> StreamName {
        StreamName(category: category, id: "\(UInt64.random(in: 0...UInt64.max))")
    }
}

extension NewEvent {
    static func sample(
        account: AccountID = .default, type: String = "Sampled", class eventClass: EventClass = .lifecycle,
        data: [UInt8] = Array(#"{"value":1}"#.utf8), commandID: UUID128 = .v7()
    ) -> NewEvent {
        NewEvent(
            id: .v7(), type: type, class: eventClass, observedTime: Timestamp(microseconds: 1_795_000_000_000_000),
            data: data,
            metadata: EventMetadata(principal: .system, account: account, commandID: commandID))
    }
}

extension [NewEvent] {
    static func samples(_ count: Int, class eventClass: EventClass = .lifecycle) -> [NewEvent] {
        (0..<count).map { _ in .sample(class: eventClass) }
    }
}

extension AppendOutcome {
    var receipt: AppendReceipt? {
        if case .accepted(let receipt) = self { receipt } else { nil }
    }

    var isConflict: Bool { receipt == nil }
}
