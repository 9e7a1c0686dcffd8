extension PostgresConnection {
    /// Begins to be told of the socket; false if the thread is shut down.
    func watchSocket() -> Bool {
        guard let socket = wire?.socket else { return false }
        watch = thread.watch(socket, for: .read) { [weak self] ready in
            self?.assumeIsolated { $0.socketIsReady(ready) }
        }
        return watch != nil
    }

    private func socketIsReady(_ ready: Readiness?) {
        guard let ready else { return lose("the poll thread was shut down") }
        if ready.contains(.read) { receive() }
        if ready.contains(.write) || wantsWrite { flush() }
    }

    private func receive() {
        guard let isAlive = wire?.consumeInput() else { return }
        // Also when the connection is broken: what came before that is still to be read.
        while pipeline.awaitsReplies {
            if pipeline.isCopying {
                guard takeCopy() else { break }
            } else {
                guard wire?.isBusy == false else { break }
                takeReply()
            }
        }
        deliverNotifications()
        if !isAlive { return lose(wire?.message ?? "") }
        // A new primary may have taken over, and only a new connection looks for it.
        if pipeline.isIdle, wire?.refusesWrites == true { lose("the server has become read-only") }
    }

    private func takeReply() {
        guard let reply = wire?.nextReply() else { return }
        if case .end = reply, pipeline.runsScript, wire?.enterPipeline() != true { return lose(wire?.message ?? "") }
        let inTransaction = wire?.isInTransaction ?? false
        if wire?.takeWarning() == true { pipeline.receive(.warning, inTransaction: inTransaction) }
        pipeline.receive(reply, inTransaction: inTransaction)
        if case .awaitingCopy = reply {
            guard sendCopy() else { return lose(wire?.message ?? "") }
            flush()
        }
        performActions()
    }

    func send(_ conversation: Pipeline.Conversation, _ plan: Pipeline.Plan) {
        guard write(conversation, plan) else { return lose(wire?.message ?? "") }
        flush()
        Failpoint.reached(.appendSent, if: conversation.appends)
    }

    private func write(_ conversation: Pipeline.Conversation, _ plan: Pipeline.Plan) -> Bool {
        switch conversation.content {
        case .script(let sql):
            return wire?.exitPipeline() == true && wire?.sendScript(sql) == true
        case .copy(let statement):
            return wire?.exitPipeline() == true && wire?.sendScript(statement.sql) == true
        case .batch(let batch):
            // Prepared before the batch and outside of it, so that its failure does not undo the preparation.
            for prepare in plan.prepares {
                let sql = batch[prepare.index].statement.sql
                guard wire?.sendPrepare(prepare.name, sql, types: prepare.types) == true else { return false }
            }
            guard plan.prepares.isEmpty || wire?.sendSync() == true else { return false }
            for (bound, name) in zip(batch, plan.names) {
                guard wire?.send(bound, preparedAs: name) == true else { return false }
            }
            return wire?.sendSync() == true
        }
    }

    /// Interest in writing is on only while libpq has something that the socket would not take.
    private func flush() {
        guard let flush = wire?.flush() else { return }
        switch flush {
        case .done: want(write: false)
        case .more: want(write: true)
        case .broken: lose(wire?.message ?? "")
        }
    }

    private func want(write: Bool) {
        guard write != wantsWrite, let watch else { return }
        wantsWrite = write
        thread.change(watch, to: write ? [.read, .write] : .read)
    }
}
