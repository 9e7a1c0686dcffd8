import HTTPTypes
import Hummingbird
import Runtime

/// Does a route's work so that the log knows of it: of an administrative act before it is begun, of a read before it is
/// answered.
struct Accountability: Sendable {
    let reads: ReadRecorder
    let administration: Administration

    func answer(
        _ exchange: Exchange, _ caller: Caller, by route: Route, _ work: Route.GuardedWork
    ) async throws(Problem) -> Response {
        guard let kind = route.act else {
            let response = try await work(exchange, caller)
            // What the caller has already, an answer of 304 does not hold.
            if let data = route.shownData, response.status.kind == .successful {
                try await reads.record(data, exchange.shown.all, by: caller, exchange)
            }
            return response
        }
        let act = AdministrativeAct(
            kind, .init(route.subject(of: exchange), RequestFields.shortTexts(of: route.actFields, in: exchange)))
        let context = Administration.Context(exchange, caller)
        let begun = try await administration.begin(act, context)
        do throws(Problem) {
            var response = try await work(exchange, caller)
            if response.headers[.position] == nil { response.headers[.position] = "\(begun.position)" }
            return response
        } catch {
            await administration.recordFailure(of: act, context, cause: begun.id)
            throw error
        }
    }
}

extension Administration {
    func begin(
        _ act: AdministrativeAct, _ context: Context
    ) async throws(Problem) -> (id: UUID128, position: Int64) {
        do throws(EventStoreError) {
            return try await record(act, context)
        } catch {
            throw Problem(error)
        }
    }
}

extension ReadRecorder {
    nonisolated func record(
        _ data: PersonalData, _ shown: Set<ShownData.Entry>, by caller: Caller, _ exchange: Exchange
    ) async throws(Problem) {
        // An account does not hear of another's people, whatever an answer may have held.
        let reads = shown.filter { caller.scope.includes($0.account) }.map {
            PersonalRead(by: caller.principal, of: $0.account, data, subject: $0.subject)
        }
        do throws(EventStoreError) {
            try await record(reads, in: .init(exchange))
        } catch {
            throw Problem(error)
        }
    }
}

extension ReadRecorder.Request {
    init(_ exchange: Exchange) {
        self.init(time: exchange.time, correlationID: exchange.correlationID, traceParent: exchange.traceParent)
    }
}

extension Administration.Context {
    init(_ exchange: Exchange, _ caller: Caller, for account: AccountID? = nil) {
        self.init(
            by: caller.principal, for: account ?? .installation, at: exchange.time,
            correlationID: exchange.correlationID, traceParent: exchange.traceParent)
    }
}

extension Route {
    /// What the path names, where that is a name: the log takes no other text from a path.
    fileprivate func subject(of exchange: Exchange) -> String? {
        let names = segments.filter { $0.hasPrefix("{") }.map { exchange.parameter(String($0.dropFirst().dropLast())) }
        guard !names.isEmpty, names.allSatisfy({ StreamName.isID($0.utf8, of: "subject") }) else { return nil }
        return names.joined(separator: "/")
    }
}
