import Installation
import Runtime
import Support
import Synchronization
import Testing

extension EndToEnd {
    /// For a few seconds, or for as long as `make chaos` says.
    @Suite(.timeLimit(.minutes(120))) struct `Whatever happens to servers, Postgres, connections, disk and clocks` {
        private static let length = ChaosPlan.isLong ? ChaosPlan.duration : .seconds(10)
        private static let patience = Duration.seconds(60)

        @Test func `each acknowledged message and command is stored once, and all that follows from it is right`()
            async throws
        {
            let disk = await SmallDisk.isPermitted() ? try await SmallDisk(megabytes: 600) : nil
            let postgres = try await ThrowawayPostgres.start(in: disk?.folder)
            try await TestedSystem.with(postgres: postgres) { system in
                let prepared = Preparation()
                let cutter = try ConnectionCutter(
                    to: system.database.socketFolder, in: ThrowawayFolder.make(), choosing: Self.cuts(once: prepared))
                let place = try await FaultyPlace(system, postgres, disk: disk, cutter: cutter)
                try await place.api.configure(#"{"overheating":{"limit":50,"n":1,"seconds":0}}"#)
                let renamed = try await place.api.register("renamed")
                let requests = Requests(device: renamed.id, ovens: try await system.connectAsGateway()) {
                    await place.api
                }
                let witness = Witness(of: system)
                let records = try await requests.beside(witness) {
                    try await Load.during(on: system, api: place.api, rate: 150) { _ in
                        prepared.isOver.store(true, ordering: .relaxed)
                        let end = ContinuousClock.now + Self.length
                        while ContinuousClock.now < end { try await place.strike() }
                        // Where a machine is slow, the kinds that have not had their turn yet get it now.
                        while await !place.isThrough, ContinuousClock.now < end + Self.patience {
                            try await place.strike()
                        }
                        try await place.recover()
                    }
                }
                print(await place.tally)
                try await Checker(system: system).check(records, api: place.api)
                try await witness.check(records, requests)
                let missed = await place.missed
                guard missed.isEmpty else { throw Wrong("of what is permitted here, \(missed) never struck") }
            }
            await postgres.kill()
            await disk?.remove()
        }

        /// Connections of before are spared: what prepares the test is sent once.
        private final class Preparation: Sendable {
            let isOver = Atomic(false)
        }

        /// Half of the connections live until something else ends them.
        private static func cuts(once prepared: Preparation) -> @Sendable () -> ConnectionCutter.Cut {
            let chances = Mutex(
                (
                    numbers: SeededNumbers(stream: 8),
                    deck: ShuffledDeck(Array(0..<8), numbers: SeededNumbers(stream: 10))
                ))
            return {
                guard prepared.isOver.load(ordering: .relaxed) else { return .never }
                return chances.withLock { chances in
                    switch chances.deck.deal() {
                    case 0: .request(.random(in: 2_000...200_000, using: &chances.numbers))
                    case 1: .answer(.random(in: 2_000...100_000, using: &chances.numbers))
                    case 2, 3: .commit(.random(in: 1...50, using: &chances.numbers))
                    default: .never
                    }
                }
            }
        }
    }
}
