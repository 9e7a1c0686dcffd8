import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Runtime
import ServiceLifecycle

/// Answers with the log as it grows, as server-sent events.
struct EventStreaming: Sendable {
    /// Reads on after a place; the events, and the place to continue after.
    typealias Source = @Sendable (_ after: Int64) async throws(EventStoreError) -> (events: [RecordedEvent], end: Int64)

    let slots: StreamSlots
    let authenticator: Authenticator
    let reads: ReadRecorder
    let heartbeatInterval: Duration
    let logger: Logger

    /// A busy log is written in gulps this far apart, not event by event.
    private static let pace = Duration.milliseconds(100)

    static func isWanted(by exchange: Exchange) -> Bool {
        exchange.header(.accept)?.lowercased().contains("text/event-stream") ?? false
    }

    /// Where to go on: `Last-Event-ID` if a browser comes back, else the parameter `after`.
    static func start(of exchange: Exchange) throws(Problem) -> Int64 {
        guard let text = exchange.header(.lastEventID), !text.isEmpty else { return try exchange.query.after() }
        guard let place = Int64(text), place >= 0 else {
            throw .malformed("Last-Event-ID", "Last-Event-ID must be the id of an event of this stream.")
        }
        return place
    }

    func response(
        to exchange: Exchange, for caller: Caller, after start: Int64, id: @escaping @Sendable (RecordedEvent) -> Int64,
        reading source: @escaping Source
    ) throws(Problem) -> Response {
        let slot = try slots.take()
        let (request, connection) = (exchange.request, exchange.connection)
        let reading = ReadRecorder.Request(exchange)
        let body = ResponseBody { writer in
            var events = EventStreamWriter(writer)
            do {
                try await withGracefulShutdownHandler {
                    try await request.body.consumeWithCancellationOnInboundClose { _ in
                        try await follow(source, after: start, for: caller, by: reading, id: id, into: &events)
                    }
                } onGracefulShutdown: {
                    // Ends the stream as if the peer had gone; one that has stopped reading is not waited for.
                    connection.close(mode: .input, promise: nil)
                    connection.closeSoon()
                }
            } catch {
                logger.debug("An event stream ended", metadata: ["reason": "\(error)"])
            }
            withExtendedLifetime(slot) {}
            try await writer.finish(nil)
        }
        return Response(
            status: .ok,
            headers: [.contentType: "text/event-stream; charset=utf-8", .cacheControl: "no-store, no-transform"],
            body: body)
    }

    /// Returns when the caller's token holds no longer; throws when the peer is gone.
    @concurrent private func follow(
        _ source: Source, after start: Int64, for caller: Caller, by request: ReadRecorder.Request,
        id: (RecordedEvent) -> Int64, into events: inout EventStreamWriter
    ) async throws {
        try await events.begin()
        var place = start
        var verified = ContinuousClock.now
        while true {
            let page = try await source(place)
            try Task.checkCancellation()
            if !page.events.isEmpty {
                let reads = Set(page.events.map(\.metadata.account)).map {
                    PersonalRead(by: caller.principal, of: $0, .events)
                }
                try await self.reads.record(reads, in: request)
                try await events.write(page.events, id: id)
            }
            place = page.end
            if events.lastWrite.duration(to: .now) >= heartbeatInterval { try await events.heartbeat() }
            if verified.duration(to: .now) >= heartbeatInterval {
                guard await authenticator.stillHolds(caller) else { return }
                verified = .now
            }
            try await Task.sleep(for: Self.pace)
        }
    }
}
