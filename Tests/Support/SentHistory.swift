/// What senders know of their operations, to be compared with what is stored: after Jepsen.
package struct SentHistory: Sendable {
    /// One operation: each sender numbers its own, in the order in which it sends them.
    package struct Operation: Sendable, Hashable {
        package var sender: String
        package var number: Int

        package init(_ sender: String, _ number: Int) {
            self.sender = sender
            self.number = number
        }
    }

    package var acknowledged: Set<Operation> = []
    /// Sent, and never answered: they may be there or not.
    package var uncertain: Set<Operation> = []

    package init(acknowledged: Set<Operation> = [], uncertain: Set<Operation> = []) {
        self.acknowledged = acknowledged
        self.uncertain = uncertain
    }

    /// Compares it with the operations that were read at the end, in the order of the log.
    ///
    /// - Parameter earlier: what was read before, in whatever order.
    package func anomalies(inLog read: [Operation], earlier: Set<Operation> = []) -> [Anomaly] {
        var found: [Anomaly] = []
        var counts: [Operation: Int] = [:]
        var newest: [String: Int] = [:]
        for operation in read {
            counts[operation, default: 0] += 1
            guard counts[operation] == 1 else { continue }
            if let last = newest[operation.sender], last > operation.number {
                found.append(Anomaly(.reordered, operation.sender, "\(operation.number) came after \(last)"))
            }
            newest[operation.sender] = max(newest[operation.sender] ?? 0, operation.number)
        }
        for (operation, count) in counts {
            if count > 1 {
                found.append(Anomaly(.duplicated, operation.sender, "\(operation.number) is there \(count) times"))
            }
            if !acknowledged.contains(operation), !uncertain.contains(operation) {
                found.append(Anomaly(.unexpected, operation.sender, "\(operation.number) was never sent"))
            }
        }
        for operation in acknowledged where counts[operation] == nil {
            found.append(Anomaly(.lost, operation.sender, "\(operation.number) was acknowledged and is not there"))
        }
        for operation in earlier where counts[operation] == nil {
            found.append(Anomaly(.vanished, operation.sender, "\(operation.number) was read and is gone"))
        }
        return found.sorted()
    }

    /// Compares it with what a view says: how many operations of each sender it has taken in.
    ///
    /// - Parameter readings: one after another, the last when the view has come to the end of the log.
    package func anomalies(inView readings: [[String: Int]]) -> [Anomaly] {
        let certain = Dictionary(grouping: acknowledged, by: \.sender).mapValues(\.count)
        let possible = Dictionary(grouping: acknowledged.union(uncertain), by: \.sender).mapValues(\.count)
        let last = readings.last ?? [:]
        var found: [Anomaly] = []
        for (sender, count) in last {
            guard let most = possible[sender] else {
                found.append(Anomaly(.unexpected, sender, "it never sent anything"))
                continue
            }
            if count > most {
                found.append(Anomaly(.duplicated, sender, "\(count) are counted, \(most) were sent"))
            }
        }
        for (sender, least) in certain where last[sender, default: 0] < least {
            found.append(
                Anomaly(.lost, sender, "\(last[sender, default: 0]) are counted, \(least) were acknowledged"))
        }
        var seen: [String: Int] = [:]
        for reading in readings {
            for (sender, before) in seen {
                guard let now = reading[sender] else {
                    found.append(Anomaly(.vanished, sender, "it was read and is gone"))
                    seen[sender] = nil
                    continue
                }
                if now < before { found.append(Anomaly(.reordered, sender, "\(now) were counted after \(before)")) }
            }
            seen.merge(reading) { $1 }
        }
        return found.sorted()
    }
}

/// One way in which what was read differs from what was sent.
package struct Anomaly: Sendable, Hashable, Comparable, CustomStringConvertible {
    package enum Kind: String, Sendable, CaseIterable {
        /// Acknowledged, and not there.
        case lost
        /// There, and never sent.
        case unexpected
        /// There more than once.
        case duplicated
        /// There in another order than its sender's; in a view, older than what was read before.
        case reordered
        /// Read once, and gone later.
        case vanished
    }

    package var kind: Kind
    package var sender: String
    package var what: String

    package init(_ kind: Kind, _ sender: String, _ what: String) {
        self.kind = kind
        self.sender = sender
        self.what = what
    }

    package var description: String { "\(kind.rawValue): \(sender): \(what)" }

    package static func < (one: Anomaly, other: Anomaly) -> Bool { one.description < other.description }
}
