import Projections
import Runtime
import Synchronization

/// Rebuilds that never end, of the one view `devices`.
final class RebuildsInMemory: Rebuilds {
    private let open = Mutex<Rebuild?>(nil)
    private let hasPrevious = Mutex(true)
    let isPaused = Mutex(false)
    let lacksEvents = Mutex(false)

    func statuses() async throws(RebuildError) -> [RebuildStatus] {
        let rebuild = open.withLock { $0 }
        return [
            RebuildStatus(
                name: "devices",
                generations: [
                    RebuildStatus.Generation(number: 1, role: .previous, position: 3, definition: 1),
                    RebuildStatus.Generation(number: 2, role: .live, position: 7, definition: 1),
                ], rebuild: rebuild)
        ]
    }

    func start(
        _ name: String, eventLimit: Int?, acceptingLoss: Bool, askedBy: String
    ) async throws(RebuildError) -> Rebuild {
        if lacksEvents.withLock({ $0 }), !acceptingLoss { throw .lossy }
        return try begin(name, .rebuild, eventLimit, askedBy)
    }

    func rebuild(_ name: String, only id: String) async throws(RebuildError) -> EntityRebuild.Outcome {
        guard name == "devices" else { throw .unknownProjection }
        guard id != "nobody" else { throw .unknownEntity }
        return EntityRebuild.Outcome(
            id: id, position: 7, events: 3, rows: 1, differingRows: 1,
            sample: [RowDifference(id: id, live: #"{"name":"a"}"#, next: #"{"name":"b"}"#)])
    }

    func pause(_ name: String) async throws(RebuildError) -> Rebuild { try change(to: .paused, from: [.running]) }

    func resume(_ name: String) async throws(RebuildError) -> Rebuild {
        try change(to: .running, from: [.paused, .failed])
    }

    func cancel(_ name: String) async throws(RebuildError) -> Rebuild {
        try change(to: .cancelled, from: [.running, .paused, .failed])
    }

    func swapBack(_ name: String, acceptingLoss: Bool, askedBy: String) async throws(RebuildError) -> Rebuild {
        if lacksEvents.withLock({ $0 }), !acceptingLoss { throw .lacksEvents }
        guard hasPrevious.withLock({ $0 }) else { throw .noPrevious }
        return try begin(name, .swapBack, nil, askedBy)
    }

    func dropPrevious(_ name: String) async throws(RebuildError) {
        guard hasPrevious.withLock({ $0 }) else { throw .noPrevious }
        hasPrevious.withLock { $0 = false }
    }

    private func begin(
        _ name: String, _ kind: Rebuild.Kind, _ limit: Int?, _ askedBy: String
    ) throws(RebuildError) -> Rebuild {
        guard name == "devices" else { throw .unknownProjection }
        let rebuild = Rebuild(
            number: 1, projection: name, generation: 3, kind: kind, cause: .request, definition: 1, askedBy: askedBy,
            eventLimit: limit, state: .running, startedTime: .now(), changedTime: .now(),
            progress: RebuildProgress(position: 50, head: 150, events: 40, eventRate: 8, positionRate: 10),
            comparison: Rebuild.Comparison(
                position: 50, liveRows: 2, nextRows: 2, liveDigest: "1", nextDigest: "2", differingRows: 1,
                sample: [RowDifference(id: "a", live: #"{"id":"a","account":"default"}"#, next: nil)]), failure: nil)
        let isFree = open.withLock { open in
            guard open?.state.isOpen != true else { return false }
            open = rebuild
            return true
        }
        guard isFree else { throw .alreadyOpen }
        return rebuild
    }

    private func change(to state: Rebuild.State, from states: Set<Rebuild.State>) throws(RebuildError) -> Rebuild {
        let changed = open.withLock { open -> Rebuild? in
            guard let now = open, states.contains(now.state) else { return nil }
            open?.state = state
            return open
        }
        guard let changed else { throw .nothingOpen }
        return changed
    }
}

extension RebuildsInMemory: ProjectionControl {
    private static let broken = StuckEntity(
        id: "d-9", position: 5, version: 2, type: "DeviceUpgraded", reason: "unknown", since: .now())

    func stuck(_ name: String, limit: Int) async throws(RebuildError) -> [StuckEntity] { [Self.broken] }

    func pause(_ name: String, reason: String, by principal: String) async throws(RebuildError) {
        guard name == "devices" else { throw .unknownProjection }
        isPaused.withLock { $0 = true }
    }

    func resume(_ name: String, entity: String?) async throws(RebuildError) -> Resumption {
        guard name == "devices" else { throw .unknownProjection }
        guard entity != "nobody" else { throw .unknownEntity }
        isPaused.withLock { $0 = false }
        return Resumption(resumed: 2, stuck: entity == nil ? [Self.broken] : [])
    }
}
