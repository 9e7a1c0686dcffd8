extension Directory {
    /// The aggregate's memory with what other servers have stored since its actor here last looked.
    package nonisolated func recallLatest(_ id: String) async throws(DispatchError<D.Rejection>) -> AggregateMemory<D> {
        var memory = try await recall(id)
        var isAnew = false
        let stream = StreamName(category: D.category, id: id)
        while true {
            let page: [RecordedEvent]
            do throws(EventStoreError) {
                page = try await store.readTail(
                    StreamPlace(stream, at: memory.version, position: memory.position), limit: 1_000)
            } catch .corrupt(_, let reason) {
                throw .broken(reason: reason)
            } catch .retained(let version) {
                // The actor may have slept over it: nothing has made it read since.
                if !isAnew {
                    (memory, isAnew) = (try await recallAnew(id), true)
                    continue
                }
                throw .broken(reason: EventStoreError.retained(through: version).debugDescription)
            } catch {
                throw .unavailable(reason: error.debugDescription)
            }
            for event in page {
                do throws(EventCodecError) {
                    try memory.fold(event)
                } catch {
                    throw .broken(reason: String(describing: error))
                }
            }
            if page.count < 1_000 { return memory }
        }
    }
}
