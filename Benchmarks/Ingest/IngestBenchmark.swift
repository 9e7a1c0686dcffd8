/// From publisher to committed event and acknowledgement, beside the same broker with a subscriber that does nothing.
///
/// Broker, Postgres, gateway and publishers share the machine; the views do not run.
struct IngestBenchmark {
    func run(
        progress: @Sendable (String) -> Void, report: @Sendable (Measure) throws -> Void
    ) async throws {
        try await ThrowawayServers.with { servers in
            var (gateway, subscriber) = (Samples(), Samples())
            for run in 1...Benchmark.runs {
                gateway.add(try await Self.throughGateway(on: servers))
                subscriber.add(try await Self.throughBroker(on: servers))
                progress("ingest: run \(run) of \(Benchmark.runs)")
            }
            try report(
                Measure("ingest.\(PublisherLoad.devices).broker", unit: "messages/s", of: gateway, beside: subscriber))
        }
    }

    static func throughGateway(on servers: ThrowawayServers) async throws -> Double {
        try await servers.withDatabase { url in
            try await servers.withBroker { broker in
                try await GatewayUnderLoad(broker: broker, url: url).run { settled in
                    try await PublisherLoad(broker: broker).run(settled: settled)
                }
            }
        }
    }

    static func throughBroker(on servers: ThrowawayServers) async throws -> Double {
        try await servers.withBroker { broker in
            try await IdleSubscriber(broker: broker).run { received in
                try await PublisherLoad(broker: broker).run(settled: received)
            }
        }
    }
}
