import Foundation
import Runtime
import Workflows

/// What led to an event, step by step, and what followed from it.
struct CausationChain {
    /// From the origin to the event's own cause.
    private(set) var causes: [RecordedEvent] = []
    let event: RecordedEvent
    /// Everything that followed, nearest first.
    private(set) var effects: [RecordedEvent] = []
    /// Whether more led to it, or more followed, than is said here.
    private(set) var isCut = false

    /// How many steps back, and how many events forward.
    static let limit = 1_000

    /// Events out of scope are left out, and what lies behind them is not followed.
    ///
    /// - Throws: ``EventStoreError`` if the log cannot be read.
    init(
        of event: RecordedEvent, _ search: any LogSearch, scope: AccountScope, atMost limit: Int = Self.limit
    ) async throws(EventStoreError) {
        self.event = event
        var known: Set<UUID128> = [event.id]
        var next = event.metadata.causationID
        while let id = next, known.insert(id).inserted, let cause = try await search.event(id),
            scope.includes(cause.metadata.account)
        {
            guard causes.count < limit else {
                isCut = true
                break
            }
            causes.append(cause)
            next = cause.metadata.causationID
        }
        causes.reverse()
        var newest = [event.id]
        while !newest.isEmpty {
            let room = limit - effects.count
            let found = try await search.effects(of: newest, limit: room + 1)
            let areMore = found.count > room
            isCut = isCut || areMore
            let visible = found.prefix(room).filter {
                scope.includes($0.metadata.account) && known.insert($0.id).inserted
            }
            effects += visible
            newest = areMore ? [] : visible.map(\.id)
        }
    }

    var events: [RecordedEvent] { causes + [event] + effects }

    /// `{"causes": [...], "event": {...}, "effects": [...], "notifications": [...], "truncated": false}`
    func json(telling notifications: [NotificationRow]) throws(Problem) -> [UInt8] {
        var json: [UInt8] = []
        func append(_ events: [RecordedEvent], as name: String) {
            json.append(raw: #""\#(name)":["#)
            for (index, event) in events.enumerated() {
                if index > 0 { json.append(UInt8(ascii: ",")) }
                EventJSON.append(event, to: &json)
            }
            json.append(raw: "],")
        }
        json.append(raw: "{")
        append(causes, as: "causes")
        json.append(raw: #""event":"#)
        EventJSON.append(event, to: &json)
        json.append(raw: ",")
        append(effects, as: "effects")
        json.append(raw: #""notifications":"#)
        do {
            json += try JSONEncoder.answers.encode(notifications.map { NotificationAnswer($0, deliveries: nil) })
        } catch {
            throw .internalFailure(cause: "an answer cannot be encoded: \(error)")
        }
        json.append(raw: #","truncated":\#(isCut)}"#)
        return json
    }
}
