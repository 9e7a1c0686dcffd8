extension Array where Element: Sendable {
    /// Runs `work` for all elements, `width` at a time, and returns the results in the elements' order.
    ///
    /// The first error ends it.
    func inParallel<Answer: Sendable>(
        _ width: Int, _ work: @escaping @Sendable (Element) async throws(SimulationError) -> Answer
    ) async throws(SimulationError) -> [Answer] {
        let outcomes: [Result<Answer, SimulationError>] = await withTaskGroup { group in
            var outcomes = [Result<Answer, SimulationError>?](repeating: nil, count: count)
            var next = 0
            while next < Swift.min(width, count) {
                add(next, to: &group, work)
                next += 1
            }
            for await (index, outcome) in group {
                outcomes[index] = outcome
                if case .failure = outcome {
                    group.cancelAll()
                } else if next < count {
                    add(next, to: &group, work)
                    next += 1
                }
            }
            return outcomes.compactMap { $0 }
        }
        // The others were cancelled because of the first.
        let failures = outcomes.compactMap { if case .failure(let error) = $0 { error } else { nil } }
        if let cause = failures.first(where: { if case .cancelled = $0 { false } else { true } }) ?? failures.first {
            throw cause
        }
        return outcomes.compactMap { try? $0.get() }
    }

    private func add<Answer: Sendable>(
        _ index: Int, to group: inout TaskGroup<(Int, Result<Answer, SimulationError>)>,
        _ work: @escaping @Sendable (Element) async throws(SimulationError) -> Answer
    ) {
        let element = self[index]
        group.addTask {
            do throws(SimulationError) {
                return (index, .success(try await work(element)))
            } catch {
                return (index, .failure(error))
            }
        }
    }
}
