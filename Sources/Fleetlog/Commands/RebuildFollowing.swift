import Foundation
import Projections
import Runtime

/// Sees a rebuild through to its end: by a server, if one has the role, else by this process.
struct RebuildFollowing: Sendable {
    let log: LogAccess
    let rebuilds: PostgresRebuilds

    init(_ log: LogAccess) {
        self.log = log
        rebuilds = PostgresRebuilds(KnownEvents.views, store: log.store, pool: log.pool)
    }

    /// Follows a rebuild until it has ended.
    ///
    /// - Throws: `SettingsError` if it was paused, cancelled, or has failed.
    func follow(_ rebuild: Rebuild) async throws -> Rebuild {
        let bar = ProgressBar("\(rebuild.kind == .swapBack ? "swap back" : "replay") \(rebuild.projection)")
        let last = try await beside {
            while true {
                let now = try await status(of: rebuild.projection).rebuild
                guard let now, now.number == rebuild.number else {
                    throw SettingsError("another rebuild of \(rebuild.projection) was begun meanwhile")
                }
                let progress = now.progress
                bar.report(
                    min(progress.position, progress.head), of: progress.head,
                    at: ProgressBar.Pace(rate: progress.eventRate, secondsLeft: progress.secondsLeft))
                if now.state != .running { return now }
                try await Task.sleep(for: .milliseconds(100))
            }
        }
        bar.finish()
        switch last.state {
        case .finished, .running: return last
        case .paused:
            throw SettingsError("the rebuild was paused; 'fleetlog replay \(last.projection) --resume' goes on")
        case .cancelled:
            throw SettingsError("the rebuild was cancelled" + (last.failure.map { ": \($0)" } ?? ""))
        case .failed: throw SettingsError("the rebuild has failed: \(last.failure ?? "")")
        }
    }

    /// Waits until the rows of all dropped generations are gone.
    func sweep(_ name: String) async throws {
        try await beside {
            while try await status(of: name).generations.contains(where: { $0.role == .dropped }) {
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    func status(of name: String) async throws -> RebuildStatus {
        guard let status = try await rebuilds.statuses().first(where: { $0.name == name }) else {
            throw RebuildError.unknownProjection
        }
        return status
    }

    /// Does the work meanwhile, as soon as no server has the role.
    private func beside<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
        let runner = RebuildRunner(
            KnownEvents.views, store: log.store, pool: log.pool, lease: log.lease(.rebuilds), logger: quiet)
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask {
                try await runner.run()
                return nil
            }
            group.addTask { try await body() }
            defer { group.cancelAll() }
            while let value = try await group.next() { if let value { return value } }
            throw CancellationError()
        }
    }
}
