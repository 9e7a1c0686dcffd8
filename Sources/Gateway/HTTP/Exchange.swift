import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import Runtime

/// A request, read and bounded, on its way to a route's work.
struct Exchange: Sendable {
    let request: Request
    let parameters: [String: String]
    var query: QueryParameters
    let body: [UInt8]
    let peer: Peer
    let connection: any Channel
    /// Ties together all events that follow from this request.
    let correlationID: UUID128
    let time: Timestamp
    /// Whose data the answer holds, for the record of reads.
    let shown: ShownData
    /// What the views of the route held for certain before they were asked; nil if it has none.
    var viewPosition: Int64?
    /// Up to where the answer must be of what the log holds, since the views of the route have been waited for; 0 if not.
    var awaitedPosition: Int64 = 0

    func parameter(_ name: String) -> String { parameters[name] ?? "" }

    func header(_ name: HTTPField.Name) -> String? { request.headers[name] }

    /// W3C Trace Context, if the caller sent a well-formed one.
    var traceParent: String? {
        guard let text = HTTPField.Name("traceparent").flatMap({ request.headers[$0] }), text.utf8.count == 55,
            text.utf8.allSatisfy({ $0 == UInt8(ascii: "-") || ($0.isLowercaseHexDigit) })
        else { return nil }
        return text
    }

    /// Notes that the answer holds data of the account.
    ///
    /// - Parameter subject: the stream of the one thing that it is about; nil for lists.
    func shows(_ subject: String? = nil, of account: AccountID) {
        shown.add(ShownData.Entry(account: account, subject: subject))
    }

    func shows(events: some Sequence<RecordedEvent>) {
        for account in Set(events.lazy.map(\.metadata.account)) { shows(of: account) }
    }

    /// How far the views had come that an answer was read from.
    func positionHeader(asOf position: Int64? = nil) -> HTTPFields {
        if let position { return .asOf(position) }
        // None is known of a view until this server has read its checkpoint.
        guard let viewPosition, viewPosition > 0 else { return [:] }
        return [.position: "\(viewPosition)"]
    }

    func context(for caller: Caller) -> CommandContext {
        CommandContext(
            time: time, principal: caller.principal, scope: caller.scope, correlationID: correlationID,
            traceParent: traceParent)
    }
}

extension UInt8 {
    fileprivate var isLowercaseHexDigit: Bool {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): true
        default: false
        }
    }
}
