import Aggregates
import Foundation
import Runtime
import Workflows

/// From recorded notifications to signed webhooks that are answered and in the ledger, beside libcurl alone; and the
/// same with a receiver among them that never answers.
struct WebhooksBenchmark {
    func run(
        progress: @Sendable (String) -> Void, report: @Sendable (Measure) throws -> Void
    ) async throws {
        try await ThrowawayServers.with { servers in
            let receiver = try Receiver()
            defer { receiver.stop() }
            var (alone, besideDead, libcurl) = (Samples(), Samples(), Samples())
            for run in 1...Benchmark.runs {
                alone.add(try await DeliveryLoad(receiver: receiver).run(on: servers))
                libcurl.add(try await Self.plain(receiver))
                besideDead.add(try await DeliveryLoad(receiver: receiver, dead: 1_000).run(on: servers))
                progress("webhooks: run \(run) of \(Benchmark.runs)")
            }
            try report(Measure("webhooks.alone.libcurl", unit: "deliveries/s", of: alone, beside: libcurl))
            try report(Measure("webhooks.dead.libcurl", unit: "deliveries/s", of: besideDead, beside: libcurl))
        }
    }

    private static func plain(_ receiver: Receiver) async throws -> Double {
        let bodies = try (0..<DeliveryLoad.deliveries).map { number in
            try CloudEvent(
                DeliveryLoad.notification(of: "bench"), id: UUID128(high: 1, low: UInt64(number)), time: .now()
            )
            .encoded()
        }
        return try await onThreadOfItsOwn { try PlainPosts(url: receiver.url + "/", bodies: bodies).run() }
    }
}
