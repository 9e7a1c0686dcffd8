import ServiceLifecycle

extension Directory {
    /// Puts actors to sleep that were not used for too long, or that there is no memory for, the least recently used
    /// first; returns how many.
    ///
    /// None sleeps in the middle of a turn: it counts as used instead.
    ///
    /// - Parameter limit: how many actors may be looked at.
    @discardableResult
    package func passivate(atMost limit: Int) -> Int {
        let now = tick
        var retired: (idle: Int, memory: Int) = (0, 0)
        for _ in 0..<limit {
            guard let (place, actor, lastUse) = recency.leastRecent else { break }
            let isCrowded = context.memory.mustShrink
            guard isCrowded || now >= lastUse &+ idleTicks else { break }
            guard let id = actor.assumeIsolated({ $0.retire() }) else {
                recency.moveToFront(place, at: now)
                continue
            }
            awake[id] = nil
            recency.remove(place)
            if isCrowded { retired.memory += 1 } else { retired.idle += 1 }
        }
        if retired.idle > 0 { metrics.retired(retired.idle, .idle) }
        if retired.memory > 0 { metrics.retired(retired.memory, .memory) }
        return retired.idle + retired.memory
    }

    /// Puts all actors to sleep that no turn holds.
    package func passivateAll() {
        for (id, place) in awake {
            guard let actor = recency[place], actor.assumeIsolated({ $0.retire() }) != nil else { continue }
            awake[id] = nil
            recency.remove(place)
        }
    }

    /// Room for so many that wake, as far as that is short; twice as many may go, so that a surplus shrinks.
    func makeRoom(for waking: Int) {
        if context.memory.mustShrink { passivate(atMost: 2 * waking) }
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            while (try? await Task.sleep(for: Passivation.tick)) != nil {
                while await self.passivate(atMost: Passivation.step) == Passivation.step { await Task.yield() }
                await self.noteFigures()
                await self.restartDue()
            }
        }
    }

    private func noteFigures() { metrics.note(awake: count, bytes: bytes) }
}
