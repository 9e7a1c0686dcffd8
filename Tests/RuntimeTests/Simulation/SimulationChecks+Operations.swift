@testable import Runtime

extension SimulationChecks {
    /// What its attempts were answered, beside what it has left in the log.
    func anomalies(of operation: SimulatedOperation) -> [String] {
        let (left, tried) = (traces[operation.number] ?? [], attempts[operation.number] ?? [])
        var found = anomalies(in: left, of: operation)
        var isAccepted = false
        var first: [StreamName: CommandReceipt]?
        for attempt in tried {
            switch attempt.outcome {
            case .accepted(let effect, let receipts):
                if effect == .recorded, isAccepted { found.append("decided again after it was accepted") }
                found += anomalies(in: receipts, effect, attempt, left, of: operation)
                if operation.isKeyed, let first, !agree(first, receipts) { found.append("answered differently") }
                first = first ?? receipts
                isAccepted = true
            case .refused(let refusal):
                found += anomalies(in: refusal, attempt, isAccepted, of: operation)
            case .failed, .unknown: break
            }
        }
        let rows = log.acceptances(of: [operation.id])
        if Set(rows.map(\.stream)).count != rows.count { found.append("remembered twice") }
        // One without events may be remembered although the log could not be asked again: it is answered when repeated.
        if !tried.contains(where: { $0.outcome.isAccepted || $0.outcome.isUnknown }), !rows.isEmpty,
            operation.command.amounts.contains(where: { $0 != 0 })
        {
            found.append("remembered, and not accepted")
        }
        if operation.isKeyed, isAccepted, rows.count != operation.streams.count {
            found.append("accepted, and remembered \(rows.count) times")
        }
        return found.map { "command \(operation.number) to \(operation.streams): \($0)" }
    }

    private func agree(_ one: [StreamName: CommandReceipt], _ other: [StreamName: CommandReceipt]) -> Bool {
        one.mapValues(\.version) == other.mapValues(\.version)
            && one.mapValues(\.position) == other.mapValues(\.position)
    }

    /// All of a command's events lie together, those of a joint command in one append.
    private func anomalies(in left: [OperationTrace], of operation: SimulatedOperation) -> [String] {
        var found: [String] = []
        let amounts = operation.command.amounts.filter { $0 != 0 }
        for trace in left {
            guard let place = operation.streams.firstIndex(of: trace.stream) else {
                found.append("is in \(trace.stream)")
                continue
            }
            let expected = place == 0 ? amounts : amounts.map { -$0 }
            if trace.amounts != expected { found.append("left \(trace.amounts), not \(expected)") }
            if let fence = operation.fence {
                let taken = log.stream(fence.stream).last { $0.position < trace.positions.lowerBound }?.version ?? 0
                if taken != fence.version { found.append("stored behind a fence that has moved") }
            }
        }
        if operation.isJoint, !left.isEmpty {
            let positions = left.map(\.positions).sorted { $0.lowerBound < $1.lowerBound }
            if positions.count != operation.streams.count || positions[0].upperBound + 1 != positions[1].lowerBound {
                found.append("stored in part, or not together")
            }
        }
        let notes = log.notes.count { $0 == Int64(operation.number) }
        if notes != (left.isEmpty ? 0 : 1) { found.append("has \(notes) side rows") }
        return found
    }

    private func anomalies(
        in receipts: [StreamName: CommandReceipt], _ effect: CommandReceipt.Effect, _ attempt: SimulatedAttempt,
        _ left: [OperationTrace], of operation: SimulatedOperation
    ) -> [String] {
        if operation.command.isCursed { return ["accepted although the database refuses it"] }
        return receipts.values.flatMap { receipt -> [String] in
            if let trace = left.first(where: { $0.stream == receipt.stream }) {
                return receipt.version == trace.versions.upperBound && receipt.position == trace.positions.upperBound
                    && effect != .unchanged
                    ? [] : ["answered \(receipt), stored at \(trace.versions) and \(trace.positions)"]
            }
            if effect == .recorded { return ["answered as recorded, and not there"] }
            if effect == .duplicate, !operation.isKeyed { return ["answered as a duplicate of nothing"] }
            guard let there = past[receipt.stream]?[receipt.version], there.position == receipt.position else {
                return ["answered \(receipt), where nothing is"]
            }
            if effect == .unchanged, !versions(of: receipt.stream, during: attempt).contains(receipt.version) {
                return ["answered \(receipt), which was not so at the time"]
            }
            return []
        }
    }

    private func anomalies(
        in refusal: SimulatedAttempt.Refusal, _ attempt: SimulatedAttempt, _ isAccepted: Bool,
        of operation: SimulatedOperation
    ) -> [String] {
        switch refusal {
        case .invalid(let reason): return operation.command.isCursed ? [] : ["refused as invalid: \(reason)"]
        case .reused, .other: return ["refused as \(refusal)"]
        case .fenced:
            // Also one that was accepted before, if it shares its turn with one that meets the moved fence.
            return operation.fence == nil ? ["refused by a fence that it does not have"] : []
        case .rejected:
            if isAccepted { return ["accepted, and then refused"] }
            return isJustified(attempt, operation) ? [] : ["refused, and no state in that time would"]
        }
    }

    /// Where the stream stood while the attempt was under way: an answer rests on nothing older.
    private func versions(of stream: StreamName, during attempt: SimulatedAttempt) -> ClosedRange<Int64> {
        func version(at position: Int64) -> Int64 {
            past[stream]?.events.last { $0.position <= position }?.version ?? 0
        }
        return version(at: attempt.head.lowerBound)...version(at: attempt.head.upperBound)
    }

    private func isJustified(_ attempt: SimulatedAttempt, _ operation: SimulatedOperation) -> Bool {
        operation.streams.enumerated().contains { place, stream in
            let command = place == 0 ? operation.command : operation.counterpart
            return versions(of: stream, during: attempt).contains { version in
                guard let state = past[stream]?[version]?.state else { return false }
                var sum = state.sum
                return command.amounts.contains { amount in
                    sum += amount
                    return sum < 0
                }
            }
        }
    }
}
