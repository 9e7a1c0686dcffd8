import Aggregates
import HTTPTypes
import Hummingbird
import Runtime

/// What an aggregate was at the point in time that a request names with `at` or `version`.
extension QueryParameters {
    /// Nil if the request asks for the present.
    func pointInTime() throws(Problem) -> PointInTime? {
        switch (self["at"], self["version"]) {
        case (nil, nil): return nil
        case (let text?, nil):
            guard let time = Timestamp(text) else {
                throw .malformed("at", "at must be an RFC 3339 time such as 2026-11-21T08:00:00Z, a + written as %2B.")
            }
            return .recorded(time)
        case (nil, let text?):
            guard let version = Int64(text), version >= 1 else {
                throw .malformed("version", "version must be a whole number from 1.")
            }
            return .version(version)
        case (_?, _?): throw .malformed("at", "Give either at or version.")
        }
    }
}

extension Directory {
    /// The aggregate's memory at the point, if it then belonged to an account that the caller may know of.
    ///
    /// - Parameter missing: the answer if there was no such thing then, or not for this caller.
    nonisolated func past(
        _ id: String, at point: PointInTime, for caller: Caller, missing: Problem
    ) async throws(Problem) -> AggregateMemory<D> {
        guard StreamName("\(D.category)-\(id)") != nil else { throw missing }
        let past: PastMemory<D>
        do throws(DispatchError<D.Rejection>) {
            past = try await recall(id, at: point)
        } catch {
            throw Problem(undecided: error)
        }
        switch past {
        case .stood(let memory) where caller.scope.includes(D.account(of: memory.state)): return memory
        case .notReached(let head) where caller.scope.includes(D.account(of: head.state)):
            throw .versionNotReached(head: head.version)
        case .retained(let version): throw await isKnown(id, to: caller) ? .retained(through: version) : missing
        case .stood, .notReached, .nothingYet: throw missing
        }
    }

    /// Whether it belongs to an account that the caller may know of, as of now.
    private nonisolated func isKnown(_ id: String, to caller: Caller) async -> Bool {
        guard let now = try? await recall(id) else { return false }
        return caller.scope.includes(D.account(of: now.state))
    }
}

extension Directory {
    /// The aggregate as the command left it, so that a repetition is answered as the first time.
    nonisolated func recall(_ id: String, after receipt: CommandReceipt) async throws(Problem) -> AggregateMemory<D> {
        do throws(DispatchError<D.Rejection>) {
            let present = try await recall(id)
            if present.version == receipt.version { return present }
            if case .stood(let past) = try await recall(id, at: .version(receipt.version)) { return past }
            return present
        } catch {
            throw Problem(undecided: error)
        }
    }
}

extension HTTPFields {
    /// The version that a command has led to, where that is in the log, and whether this answers a repetition.
    static func after(_ receipt: CommandReceipt) -> HTTPFields {
        var fields: HTTPFields = [
            .eTag: EntityTag(version: receipt.version).description, .position: "\(receipt.position)",
        ]
        if receipt.effect == .duplicate { fields[.idempotencyReplayed] = "true" }
        return fields
    }
}

extension HTTPFields {
    /// Where the last of several commands is in the log.
    static func position(of receipts: [CommandReceipt]) -> HTTPFields {
        guard let last = receipts.map(\.position).max() else { return [:] }
        return [.position: "\(last)"]
    }
}

extension EventStore {
    /// The first event of an aggregate's stream.
    func firstEvent(of category: String, _ id: String, missing: Problem) async throws(Problem) -> RecordedEvent {
        do throws(EventStoreError) {
            let stream = StreamName(category: category, id: id)
            if let first = try await readStream(stream, from: 1, limit: 1).first { return first }
        } catch {
            throw Problem(error)
        }
        throw missing
    }
}

extension AggregateMemory {
    /// A past state as an answer; its version is the tag, its last event the position.
    func answer(_ value: some Encodable, to exchange: Exchange) throws(Problem) -> Response {
        let tag = EntityTag(version: version)
        let headers: HTTPFields = [.eTag: tag.description, .position: "\(position)"]
        if tag.isHeld(by: exchange) { return Response(status: .notModified, headers: headers) }
        return try .json(value, headers: headers)
    }
}
