@testable import Runtime

/// Asks servers what aggregates are and were.
struct SimulatedReader: Sendable {
    private let simulation: Simulation

    init(in simulation: Simulation) { self.simulation = simulation }

    func run() async {
        let scheduler = simulation.scheduler
        for _ in 0..<simulation.plan.readings {
            await scheduler.pause(0...10_000)
            let server = simulation.server(scheduler.number(in: 0...8))
            let place = scheduler.number(in: 0...simulation.plan.streams - 1)
            if scheduler.chance(50) {
                await read(simulation.ownStreams[place], server, server.own)
            } else {
                await read(simulation.commonStreams[place], server, server.common)
            }
        }
    }

    private func read<D: Score>(
        _ stream: StreamName, _ server: SimulatedServer, _ directory: Directory<D>
    ) async {
        let (scheduler, record) = (simulation.scheduler, simulation.record)
        let stored = simulation.database.log.version(of: stream)
        switch scheduler.number(in: 0...2) {
        case 0:
            let least = record.acknowledged(stream, by: server)
            guard let memory = try? await directory.recall(stream.id) else { return }
            record.add("now", of: stream, memory, least: D.isWrittenByMany ? stored : least)
        case 1:
            guard let memory = try? await directory.recallLatest(stream.id) else { return }
            record.add("the latest", of: stream, memory, least: stored)
        default:
            let version = Int64(scheduler.number(in: 1...Int(stored) + 2))
            guard let past = try? await directory.recall(stream.id, at: .version(version)) else { return }
            switch past {
            case .stood(let memory):
                record.add("the past", of: stream, memory, least: version)
                if memory.version != version { record.note(anomaly: "past: \(stream) at another version") }
            case .notReached(let head):
                record.add("the head", of: stream, head, least: stored)
                if head.version >= version { record.note(anomaly: "past: \(stream) is said to be younger") }
            case .nothingYet:
                if stored > 0 { record.note(anomaly: "past: \(stream) is said to be empty") }
            case .retained: record.note(anomaly: "past: \(stream) has lost events")
            }
        }
    }
}
